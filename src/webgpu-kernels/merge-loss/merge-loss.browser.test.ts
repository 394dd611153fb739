import { afterAll, beforeAll, expect, test } from 'vitest';
import { float16FromFloat32, float32FromFloat16 } from '../../float16.js';
import { CASES, randomValues } from '../../testing/group-merge-check.js';
import { countLiveBuffers } from '../../testing/live-buffers.js';
import type { GroupMergeShape } from '../group-merge/reference.js';
import { mergeLoss } from './dispatch.js';
import { mergeLossReference } from './reference.js';

let device: GPUDevice;
let hasF16: boolean;
beforeAll(async () => {
  const adapter = await navigator.gpu.requestAdapter();
  hasF16 = adapter!.features.has('shader-f16');
  device = await adapter!.requestDevice({ requiredFeatures: hasF16 ? ['shader-f16'] : [] });
});
afterAll(() => device.destroy());

function hiddenStates({ lengths, tokens, hiddenSize }: GroupMergeShape, half: boolean) {
  const random = randomValues(lengths.length * tokens * hiddenSize, 11);
  const bits = half ? float16FromFloat32(random) : undefined;
  const bytes = new Uint8Array((bits ?? random).buffer);
  const buffer = device.createBuffer({
    size: Math.ceil(bytes.length / 4) * 4 + 1024,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
  });
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  device.queue.writeBuffer(buffer, 0, padded);
  return { buffer, values: bits ? float32FromFloat16(bits) : random };
}

const small = CASES.filter(([, { tokens }]) => tokens <= 512);

test.each(['f32', 'f16-packed', 'f16'] as const)('%s gives what the reference gives', async (variant) => {
  if (variant === 'f16' && !hasF16) return console.info('native f16 skipped: this adapter has no shader-f16');
  for (const [, shape] of small) {
    const { buffer, values } = hiddenStates(shape, variant !== 'f32');
    const losses = await mergeLoss(device, variant, buffer, shape);
    const expected = mergeLossReference(values, shape);
    expect(losses.length).toBe(expected.length);
    losses.forEach((loss, i) => {
      expect(Math.abs(loss - expected[i]!)).toBeLessThan(1e-5);
    });
    buffer.destroy();
  }
});

test('a segment has the same bits whatever others there are, and no buffer is left', async () => {
  const live = countLiveBuffers();
  try {
    const shape = { lengths: [60, 64, 64], tokens: 64, hiddenSize: 36, rate: 4 };
    const { buffer } = hiddenStates(shape, false);
    const [first] = await mergeLoss(device, 'f32', buffer, shape);
    expect(await mergeLoss(device, 'f32', buffer, { ...shape, lengths: [60] })).toEqual([first]);
    buffer.destroy();
    expect(live.labels()).toEqual([]);
  } finally {
    live.stop();
  }
});

test('a buffer that is too small is refused', async () => {
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
  const shape = { lengths: [4], tokens: 4, hiddenSize: 8, rate: 2 };
  await expect(mergeLoss(device, 'f32', buffer, shape)).rejects.toThrow('hidden states');
  buffer.destroy();
});

test('a device that is lost meanwhile is an error and not an abort', async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const lost = await adapter!.requestDevice();
  const shape = { lengths: [8], tokens: 8, hiddenSize: 4, rate: 4 };
  const buffer = lost.createBuffer({ size: 8 * 4 * 4, usage: GPUBufferUsage.STORAGE });
  const result = mergeLoss(lost, 'f32', buffer, shape);
  lost.destroy();
  const error = await result.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).name).not.toBe('AbortError');
});
