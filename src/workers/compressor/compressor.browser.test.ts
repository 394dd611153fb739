import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { normalise } from '../../segments/normalise.js';
import { sourceHash } from '../../segments/plan.js';
import { fixtureSetup, longText, testJob } from '../../testing/fixture.js';
import { countLiveBuffers, type LiveBuffers } from '../../testing/live-buffers.js';
import type { ConcreteDevice } from '../setup.js';
import type { CompressEvent, SegmentEvent } from './api.js';
import { Compressor } from './compressor.js';

async function segmentsOf(compressor: Compressor, text: string, rate = 4): Promise<SegmentEvent[]> {
  const { job, events } = testJob<CompressEvent>();
  await compressor.compress(text, { target: { rate }, known: [] }, job);
  return events.flatMap((event) => (event.type === 'segment' ? [event.segment] : []));
}

function largestDifference(a: SegmentEvent, b: SegmentEvent): number {
  expect(a.data.length).toBe(b.data.length);
  return Math.max(...Array.from(a.data, (value, i) => Math.abs(value - b.data[i]!)));
}

const create = async (device: ConcreteDevice) => Compressor.create(await fixtureSetup(device), () => {});

describe.each<ConcreteDevice>(['wasm', 'webgpu'])('on %s', (device) => {
  let compressor: Compressor;
  beforeAll(async () => {
    compressor = await create(device);
  });
  afterAll(() => compressor.dispose());

  test('segments come in order, at most so long, and joined they are the text', async () => {
    const text = longText(60);
    const { job, events } = testJob<CompressEvent>();
    await compressor.compress(text, { target: { rate: 2 }, known: [] }, job);
    const segments = await segmentsOf(compressor, text, 2);
    expect(segments.map((segment) => segment.text).join('')).toBe(text);
    expect(segments.length).toBeGreaterThan(5);
    const tokens = segments.reduce((sum, segment) => sum + segment.tokens, 0);
    expect(events[0]).toEqual({
      type: 'plan',
      totalSegments: segments.length,
      totalTokens: tokens,
      sourceHash: sourceHash(text),
    });
    for (const segment of segments) {
      expect(segment.tokens).toBeLessThanOrEqual(64);
      expect(segment.softTokens).toBe(Math.ceil(segment.tokens / 2));
      expect(segment.data.length).toBe(segment.softTokens * 64);
    }
  });

  test.each([2, 4, 8])('a segment at rate %i has the same soft tokens alone as in a batch', async (rate) => {
    const together = await segmentsOf(compressor, longText(24), rate);
    for (const segment of together.slice(0, 3)) {
      const [alone] = await segmentsOf(compressor, segment.text, rate);
      // A boundary's white space belongs to what follows, so the segment's own text is cut no further.
      expect(alone!.tokens).toBe(segment.tokens);
      expect(largestDifference(alone!, segment)).toBeLessThan(1e-4);
    }
  });

  test.each([
    ['one token', 'a'],
    ['NUL bytes', 'a\0b \0\0 c'],
    ['a lone surrogate', 'x \ud83d y'],
    ['right-to-left text', 'שלום עולם. مرحبا بالعالم.'],
    ['CJK text', '雪国は美しい。長いトンネルを抜けると。'.repeat(6)],
    ['one word without an end', 'x'.repeat(700)],
    ['emoji of several code points', '👩‍👩‍👧‍👦🏳️‍🌈 '.repeat(10)],
  ])('%s gives finite soft tokens', async (_, text) => {
    const segments = await segmentsOf(compressor, text);
    expect(segments.map((segment) => segment.text).join('')).toBe(normalise(text));
    for (const { data, softTokens, tokens } of segments) {
      expect(softTokens).toBe(Math.ceil(tokens / 4));
      expect(data.every(Number.isFinite)).toBe(true);
      expect(data.some((value) => value !== 0)).toBe(true);
    }
  });

  test('100,000 tokens are TOO_LONG before anything is encoded', async () => {
    const text = 'word '.repeat(100_000);
    const { job, events } = testJob<CompressEvent>();
    await expect(compressor.compress(text, { target: { rate: 2 }, known: [] }, job)).rejects.toMatchObject({
      code: 'TOO_LONG',
      message: expect.stringContaining('limit of 1024 positions'),
      fix: expect.stringContaining('No trained rate fits'),
    });
    expect(events).toEqual([]);
  });

  test('a text too long for its rate alone is TOO_LONG, naming the rate that fits', async () => {
    const { job, events } = testJob<CompressEvent>();
    await expect(
      compressor.compress(longText(500), { target: { rate: 2 }, known: [] }, job),
    ).rejects.toMatchObject({
      code: 'TOO_LONG',
      fix: 'Compress the text at rate 8, which fits.',
    });
    expect(events).toEqual([]);
  });

  test('an abort stops between segments', async () => {
    const { job, events, controller } = testJob<CompressEvent>((event) => {
      if (event.type === 'plan') controller.abort();
    });
    await expect(
      compressor.compress(longText(60), { target: { rate: 2 }, known: [] }, job),
    ).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(events.map(({ type }) => type)).toEqual(['plan']);
    expect((await segmentsOf(compressor, 'It goes on.')).length).toBe(1);
  });

  test('two texts at once do not disturb each other', async () => {
    const [a, b] = [longText(30), longText(31).slice(40)];
    const alone = [await segmentsOf(compressor, a), await segmentsOf(compressor, b)];
    const together = await Promise.all([segmentsOf(compressor, a), segmentsOf(compressor, b)]);
    together.forEach((segments, i) => {
      expect(segments.length).toBe(alone[i]!.length);
      segments.forEach((segment, j) => {
        expect(largestDifference(segment, alone[i]![j]!)).toBeLessThan(1e-5);
      });
    });
  });
});

test('WebGPU and wasm give the same soft tokens', async () => {
  const [gpu, cpu] = [await create('webgpu'), await create('wasm')];
  try {
    const text = longText(40);
    for (const rate of [2, 4, 8]) {
      const [a, b] = [await segmentsOf(gpu, text, rate), await segmentsOf(cpu, text, rate)];
      expect(a.map((segment) => segment.text)).toEqual(b.map((segment) => segment.text));
      a.forEach((segment, i) => {
        expect(largestDifference(segment, b[i]!)).toBeLessThan(1e-3);
      });
    }
  } finally {
    await gpu.dispose();
    await cpu.dispose();
  }
});

describe('resources', () => {
  let live: LiveBuffers;
  afterEach(() => live.stop());

  test('no GPU buffer is left after dispose, ours not even before it', async () => {
    live = countLiveBuffers();
    const compressor = await create('webgpu');
    await segmentsOf(compressor, longText(40));
    expect(live.labels().length).toBeGreaterThan(0); // ONNX Runtime's weights and pool
    expect(live.labels().filter((label) => label.startsWith('gmsa'))).toEqual([]);
    await compressor.dispose();
    await compressor.dispose();
    expect(live.labels()).toEqual([]);
  });

  test('a lost device rejects what runs and what comes later with DEVICE_LOST', async () => {
    live = countLiveBuffers();
    const compressor = await create('webgpu');
    const { job } = testJob<CompressEvent>((event) => {
      if (event.type === 'segment') live.devices[0]!.destroy();
    });
    await expect(
      compressor.compress(longText(150), { target: { rate: 8 }, known: [] }, job),
    ).rejects.toMatchObject({
      code: 'DEVICE_LOST',
    });
    await expect(segmentsOf(compressor, 'again')).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await compressor.dispose();
  });

  test('a GPU out of memory is OUT_OF_MEMORY, though WebGPU reports it beside the call', async () => {
    live = countLiveBuffers();
    const compressor = await create('webgpu');
    const error = new GPUOutOfMemoryError('too much');
    live.devices[0]!.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }));
    await expect(segmentsOf(compressor, 'text')).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    await compressor.dispose();
  });

  test('a model that cannot be loaded leaves nothing behind', async () => {
    live = countLiveBuffers();
    const setup = await fixtureSetup('webgpu');
    const { encoder_model } = setup.graphs;
    const swapped = { ...setup, graphs: { ...setup.graphs, lsa: encoder_model } };
    await expect(Compressor.create(swapped, () => {})).rejects.toMatchObject({
      code: 'BAD_MODEL',
      message: expect.stringContaining('soft_tokens'),
    });
    const noGraph = { ...encoder_model, graph: new Blob(['not a graph']) };
    const broken = { ...setup, graphs: { ...setup.graphs, encoder_model: noGraph } };
    await expect(Compressor.create(broken, () => {})).rejects.toMatchObject({ code: 'BAD_MODEL' });
    // ONNX Runtime keeps a buffer of its own after such a failure; it goes with the device.
    expect(live.devices).toHaveLength(2);
    for (const device of live.devices) expect((await device.lost).reason).toBe('destroyed');
  });
});
