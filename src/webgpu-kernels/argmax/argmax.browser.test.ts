import { afterAll, beforeAll, expect, test } from 'vitest';
import { countLiveBuffers } from '../../testing/live-buffers.js';
import { argmax } from './dispatch.js';
import { argmaxReference } from './reference.js';

let device: GPUDevice;
beforeAll(async () => {
  device = await (await navigator.gpu.requestAdapter())!.requestDevice();
});
afterAll(() => device.destroy());

function upload(values: Float32Array<ArrayBuffer>, extraBytes = 0): GPUBuffer {
  const size = values.byteLength + extraBytes;
  const buffer = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  // Behind the logits lies what would win.
  device.queue.writeBuffer(buffer, 0, new Float32Array(size / 4).fill(1e30));
  device.queue.writeBuffer(buffer, 0, values);
  return buffer;
}

async function compare(values: Float32Array<ArrayBuffer>, masked: number[] = [], extraBytes = 0) {
  const buffer = upload(values, extraBytes);
  try {
    const found = await argmax(device, buffer, values.length, masked);
    expect(found).toEqual(argmaxReference(values, masked));
    return found;
  } finally {
    buffer.destroy();
  }
}

/** Reproducible values in [-8, 8), few enough that many are equal. */
function randomLogits(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 20) / 256 - 8;
  });
}

test.each([1, 2, 255, 256, 257, 1000, 49_152, 151_936])('%i logits, ties among them', async (count) => {
  for (const seed of [1, 2, 3]) await compare(randomLogits(count, seed));
});

test('the lowest id of equal maxima wins, wherever they lie', async () => {
  const values = new Float32Array(49_152).fill(-1);
  for (const id of [40_000, 300, 16_640, 301]) values[id] = 2;
  expect((await compare(values)).id).toBe(300);
  expect((await compare(new Float32Array(49_152))).id).toBe(0);
});

test('all negative, both zeros, the smallest and largest floats', async () => {
  await compare(Float32Array.of(-3, -1.5, -2, -1.5));
  await compare(Float32Array.of(-1, -0, 0, -1));
  await compare(Float32Array.of(-1, 0, -0));
  await compare(Float32Array.of(-3.4028234663852886e38, -1e-45, 1e-45, 0));
  await compare(Float32Array.of(1, 3.4028234663852886e38, 2));
  await compare(Float32Array.of(-3.4028234663852886e38));
});

test('masked ids are passed over, the first and the last among them', async () => {
  const values = randomLogits(1000, 5);
  values[0] = 50;
  values[999] = 40;
  values[500] = 30;
  expect((await compare(values, [0, 999])).id).toBe(500);
  expect((await compare(Float32Array.of(1, 2), [0, 1])).isFinite).toBe(false);
});

test('NaN and infinities never win, and logits of nothing else are not finite', async () => {
  const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minus } = Number;
  expect(await compare(Float32Array.of(nan, -4, inf, minus, -3))).toEqual({ id: 4, isFinite: true });
  const none = new Float32Array(49_152).fill(nan);
  none[7] = minus;
  none[8] = inf;
  expect((await compare(none)).isFinite).toBe(false);
});

test('what lies behind the logits in a pooled buffer does not matter', async () => {
  await compare(randomLogits(1001, 9), [], 4096);
});

test('a buffer that is too small is refused; nothing is left alive', async () => {
  const live = countLiveBuffers();
  try {
    const buffer = upload(Float32Array.of(1, 2));
    await argmax(device, buffer, 2);
    await expect(argmax(device, buffer, 3)).rejects.toThrow(RangeError);
    buffer.destroy();
    expect(live.labels()).toEqual([]);
  } finally {
    live.stop();
  }
});
