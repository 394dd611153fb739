import { afterAll, beforeAll, expect, test } from 'vitest';
import { countLiveBuffers } from '../../testing/live-buffers.js';
import { logProbability } from './dispatch.js';
import { logProbabilityReference } from './reference.js';

let device: GPUDevice;
beforeAll(async () => {
  device = await (await navigator.gpu.requestAdapter())!.requestDevice();
});
afterAll(() => device.destroy());

function upload(values: Float32Array<ArrayBuffer>, extraBytes = 0): GPUBuffer {
  const size = values.byteLength + extraBytes;
  const buffer = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, new Float32Array(size / 4).fill(1e30)); // what lies behind must not matter
  device.queue.writeBuffer(buffer, 0, values);
  return buffer;
}

async function onGpu(values: Float32Array<ArrayBuffer>, targets: number[], extraBytes = 0) {
  const buffer = upload(values, extraBytes);
  try {
    return await logProbability(device, buffer, values.length / targets.length, targets);
  } finally {
    buffer.destroy();
  }
}

/** Reproducible values in [-16, 16). */
function randomLogits(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 27 - 16;
  });
}

test.each([
  [1, 1],
  [1, 3],
  [5, 255],
  [3, 256],
  [2, 257],
  [64, 1001],
  [7, 49_152],
])('%i rows of %i logits', async (rows, columns) => {
  const logits = randomLogits(rows * columns, rows + columns);
  const targets = Array.from({ length: rows }, (_, row) => (row * 7919 + columns - 1) % columns);
  const [found, expected] = [await onGpu(logits, targets, 256), logProbabilityReference(logits, targets)!];
  expect(found).toHaveLength(rows);
  found!.forEach((value, row) => {
    expect(Math.abs(value - expected[row]!)).toBeLessThan(2e-5 * Math.max(1, Math.abs(expected[row]!)));
  });
});

test('logits far apart: certain is 0, hopeless is their difference', async () => {
  const rows = Float32Array.of(1000, -1000, 0, 1000, -1000, 0);
  expect(Array.from((await onGpu(rows, [0, 1]))!)).toEqual([0, -2000]);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  'a logit %f in any row leaves nothing to be had',
  async (bad) => {
    const logits = randomLogits(3 * 700, 3);
    logits[2 * 700 + 650] = bad;
    expect(await onGpu(logits, [1, 2, 3])).toBeUndefined();
  },
);

test('a buffer that is too small is refused; nothing is left alive', async () => {
  const live = countLiveBuffers();
  try {
    const buffer = upload(new Float32Array(8));
    await logProbability(device, buffer, 4, [0, 1]);
    await expect(logProbability(device, buffer, 5, [0, 1])).rejects.toThrow(RangeError);
    buffer.destroy();
    expect(live.labels()).toEqual([]);
  } finally {
    live.stop();
  }
});
