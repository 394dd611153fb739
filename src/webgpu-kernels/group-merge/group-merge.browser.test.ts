import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CASES,
  checkGroupMerge,
  groupMergeError,
  toleranceOf,
  VARIANTS,
} from '../../testing/group-merge-check.js';
import { groupMerge, groupMergeVariant } from './dispatch.js';
import { groupMergeWgsl } from './shader.wgsl.js';

const adapter = await navigator.gpu.requestAdapter();
const hasF16 = adapter?.features.has('shader-f16') ?? false;
let device: GPUDevice;

beforeAll(async () => {
  device = await adapter!.requestDevice({ requiredFeatures: hasF16 ? ['shader-f16'] : [] });
});
afterAll(() => device.destroy());

describe.each(VARIANTS)('%s', (variant) => {
  const runnable = variant !== 'f16' || hasF16;
  const tolerance = toleranceOf(variant);
  if (!runnable) console.info('native f16 skipped: this adapter has no shader-f16');

  test.skipIf(!runnable).each(CASES)('%s', async (_, shape) => {
    expect(await groupMergeError(device, variant, shape)).toBeLessThanOrEqual(tolerance);
  });

  test.skipIf(!runnable)('a buffer larger than its data, as ONNX Runtime hands out', async () => {
    const shape = { lengths: [7, 5], tokens: 7, hiddenSize: 36, rate: 2 };
    expect(await groupMergeError(device, variant, shape, 4096)).toBeLessThanOrEqual(tolerance);
  });
});

test('the check for GPU hosts runs every case and says what it skips', async () => {
  const checks = await checkGroupMerge();
  expect(checks).toHaveLength(VARIANTS.length * CASES.length);
  expect(checks.filter(({ result }) => result === 'wrong')).toEqual([]);
  const skipped = checks.filter(({ result }) => result.startsWith('skipped'));
  expect(skipped).toHaveLength(hasF16 ? 0 : CASES.length);
});

test('a buffer that is too small is refused before anything is submitted', async () => {
  const usage = GPUBufferUsage.STORAGE;
  const small = device.createBuffer({ size: 16, usage });
  const large = device.createBuffer({ size: 1024, usage });
  const shape = { lengths: [4], tokens: 4, hiddenSize: 8, rate: 2 };
  await expect(groupMerge(device, 'f32', { hidden: small, merged: large }, shape)).rejects.toThrow(
    'hidden states',
  );
  await expect(groupMerge(device, 'f32', { hidden: large, merged: small }, shape)).rejects.toThrow('output');
  small.destroy();
  large.destroy();
});

test('f16 is read natively with shader-f16 and through u32 without', () => {
  expect(groupMergeVariant(device, 'float32')).toBe('f32');
  expect(groupMergeVariant(device, 'float16')).toBe(hasF16 ? 'f16' : 'f16-packed');
  expect(groupMergeWgsl('f16', true)).toContain('enable f16;');
  expect(groupMergeWgsl('f16-packed', true)).not.toMatch(/\bf16\b/);
});
