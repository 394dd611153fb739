import { afterAll, beforeAll, expect, test } from 'vitest';
import { pipelineOf } from './pipelines.js';

const GOOD = '@compute @workgroup_size(1) fn main() {}';
const BROKEN = '@compute @workgroup_size(1) fn main() { let x: u32 = missing_name; }';
let device: GPUDevice;

beforeAll(async () => {
  const adapter = await navigator.gpu.requestAdapter();
  device = await adapter!.requestDevice();
  device.addEventListener('uncapturederror', (event) => event.preventDefault());
});
afterAll(() => device.destroy());

test('a label is compiled once', async () => {
  let compiled = 0;
  const wgsl = () => {
    compiled += 1;
    return GOOD;
  };
  const [first, second] = await Promise.all([
    pipelineOf(device, 'once', wgsl),
    pipelineOf(device, 'once', wgsl),
  ]);
  expect(second).toBe(first);
  expect(compiled).toBe(1);
});

test('a shader that does not compile rejects with what the compiler says, and is tried again', async () => {
  const failed = pipelineOf(device, 'retried', () => BROKEN);
  await expect(failed).rejects.toThrow(
    /'retried' does not compile[\s\S]*error at 1:\d+: [\s\S]*missing_name/,
  );
  await expect(pipelineOf(device, 'retried', () => GOOD)).resolves.toBeInstanceOf(GPUComputePipeline);
});
