// Compressing to a number of soft tokens, with the tiny model of models/fixture: rates 2, 4 and 8, segments of 64 tokens.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CompressedContext, type CompressProgress, type Fidelity, Gmsa } from '../../index.js';
import { shareBudget } from '../../workers/compressor/rate-allocation.js';
import { Decoder } from '../../workers/decoder/decoder.js';
import { FIXTURE_URL, longText } from '../fixture.js';
import { pageWorkers } from '../page-workers.js';

const TEXT = longText(24);
const quiet = { prefill: false };
const contentOf = ({ stats: _, ...rest }: CompressedContext) => rest;

/** Of each segment, a token. */
function lossesOf({ segments }: CompressedContext, { logProbabilities }: Fidelity): number[] {
  let at = 0;
  return segments.map(({ tokens }) => {
    const own = logProbabilities.slice(at, at + tokens);
    at += tokens;
    return own.reduce((sum, value) => sum - value, 0) / tokens;
  });
}

describe.each(['wasm', 'webgpu'] as const)('on %s', (device) => {
  let gmsa: Gmsa;
  let at4: CompressedContext;
  let at8: CompressedContext;
  beforeAll(async () => {
    gmsa = await Gmsa.load(FIXTURE_URL, { device });
    at4 = await gmsa.compress(TEXT, { rate: 4, ...quiet });
    at8 = await gmsa.compress(TEXT, { rate: 8, ...quiet });
  });
  afterAll(() => gmsa.dispose());

  const between = () => Math.round((at4.softTokens + at8.softTokens) / 2);

  test('a number between two rates is used up: those segments get more that are restored worst', async () => {
    const targetTokens = between();
    const context = await gmsa.compress(TEXT, { targetTokens, ...quiet });
    expect(context.targetTokens).toBe(targetTokens);
    expect(context.softTokens).toBeLessThanOrEqual(targetTokens);
    expect(context.rate).toBeCloseTo(context.tokens / context.softTokens);

    const losses = lossesOf(at8, await gmsa.fidelity(at8));
    expect(new Set(losses).size).toBeGreaterThan(3);
    const measured = context.segments.map(({ tokens, rate, restorationLoss, data }, i) => {
      expect(data).toEqual((rate === 4 ? at4 : at8).segments[i]!.data);
      expect(restorationLoss).toEqual({ rate: 8, nats: losses[i] });
      const cost = Math.ceil(tokens / 4) - Math.ceil(tokens / 8);
      return { tokens, rate, loss: losses[i]!, cost, saved: tokens * losses[i]! };
    });
    const left = targetTokens - context.softTokens;
    const of = (rate: number) => measured.filter((one) => one.rate === rate);
    expect(of(4).length).toBeGreaterThan(0);
    expect(of(8).length).toBeGreaterThan(0);
    for (const coarse of of(8)) {
      expect(coarse.cost).toBeGreaterThan(left);
      for (const fine of of(4)) {
        if (coarse.cost <= fine.cost + left) expect(coarse.saved).toBeLessThanOrEqual(fine.saved);
      }
    }
    expect(measured.map(({ rate }) => rate)).toEqual(
      shareBudget(measured, targetTokens, { coarse: 8, fine: 4 }),
    );
  });

  test('progress only grows, and is full with the last segment alone', async () => {
    const progress: CompressProgress[] = [];
    const compression = gmsa.compress(TEXT, {
      targetTokens: between(),
      ...quiet,
      onProgress: (p) => progress.push(p),
    });
    const context = await compression;
    for (const count of ['segments', 'tokens'] as const) {
      const counts = progress.map((p) => p[count]);
      expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    }
    const total = context.segments.length;
    // Measured, then finished.
    expect(progress.length).toBeGreaterThan(device === 'wasm' ? 2 * total : total);
    expect(progress.at(-1)).toMatchObject({ segments: total, tokens: context.tokens });
    expect(progress.filter(({ segments }) => segments === total)).toHaveLength(1);
  });

  test('a number that the lowest or one rate alone keeps to gives that rate, without a loss', async () => {
    const roomy = await gmsa.compress(longText(12), { targetTokens: 500, ...quiet });
    expect(roomy.rate).toBe(2);
    expect(roomy.segments.every(({ restorationLoss }) => restorationLoss === undefined)).toBe(true);
    const exact = await gmsa.compress(TEXT, { targetTokens: at4.softTokens, ...quiet });
    expect(exact.rate).toBe(4);
    expect(exact.segments).toEqual(at4.segments);
  });

  test('an update keeps to the number, and gives bit for bit what compressing afresh gives', async () => {
    const targetTokens = between();
    const before = await gmsa.open((await gmsa.compress(TEXT, { targetTokens, ...quiet })).toBlob());
    const at = TEXT.indexOf('. ', TEXT.length / 2) + 1;
    for (const text of [
      TEXT,
      `${TEXT.slice(0, at)} Zoe has a pink kite.${TEXT.slice(at)}`,
      longText(10), // fits at rate 4, or 2, without measuring
      `${TEXT} ${longText(6)}`,
    ]) {
      const updated = await gmsa.update(before, text, quiet);
      const fresh = await gmsa.compress(text, { targetTokens, ...quiet });
      expect(contentOf(updated)).toEqual(contentOf(fresh));
      expect(updated.softTokens).toBeLessThanOrEqual(targetTokens);
      if (text === TEXT) expect(updated.stats.encodedSegments).toBe(0);
    }
  });

  test('segments of several rates are asked about, written back and saved', async () => {
    const targetTokens = between();
    const context = await gmsa.compress(TEXT, { targetTokens });
    const answer = gmsa.ask(context, 'What does Anna have?', { maxNewTokens: 4 });
    expect((await answer.stats).softTokens).toBe(context.softTokens);
    expect((await gmsa.restore(context, { maxNewTokens: 2 }).stats).softTokens).toBe(context.softTokens);
    const opened = await gmsa.open(context.toBlob({ text: true }));
    expect(opened).toEqual(context);
  });
});

describe('measuring', () => {
  const LONG = longText(60);
  const page = pageWorkers();
  const scoring = vi.spyOn(Decoder.prototype, 'restorationLosses');
  const scored = () => scoring.mock.calls.flatMap(([segments]) => segments.map(({ ids }) => ids.join()));
  const starts = (name: string) => page.names().filter((one) => one === name).length;
  let gmsa: Gmsa;
  let targetTokens: number;
  beforeAll(async () => {
    gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm', worker: page.worker });
    targetTokens = (await gmsa.compress(LONG, { rate: 8, ...quiet })).softTokens + 40;
  });
  beforeEach(() => {
    scoring.mockClear();
  });
  afterAll(async () => {
    await gmsa.dispose();
    scoring.mockRestore();
  });

  /** Rejects as a compression does that something befalls once a part of its text is measured. */
  const compressWith = (befall: () => void, signal?: AbortSignal) => {
    let isOver = false;
    const onProgress = ({ tokens }: CompressProgress) => {
      if (tokens === 0 || isOver) return;
      isOver = true;
      befall();
    };
    return gmsa.compress(LONG, { targetTokens, ...quiet, onProgress, ...(signal ? { signal } : {}) });
  };

  test('asks the decoder once about each segment', async () => {
    const { segments } = await gmsa.compress(LONG, { targetTokens, ...quiet });
    expect(scored()).toHaveLength(segments.length);
  });

  test('does not happen where nothing is to be shared out', async () => {
    await gmsa.compress(LONG, { rate: 4, ...quiet });
    await gmsa.compress(longText(12), { targetTokens: 500, ...quiet });
    await gmsa.compress(LONG, { targetTokens: targetTokens - 40, ...quiet });
    expect(scored()).toEqual([]);
  });

  test('is done for an update where the loss at that rate is not known, for no other segment', async () => {
    const opened = await gmsa.open((await gmsa.compress(LONG, { targetTokens, ...quiet })).toBlob());
    scoring.mockClear();
    expect((await gmsa.update(opened, LONG, quiet)).stats.encodedSegments).toBe(0);
    expect(scored()).toEqual([]);

    const longer = await gmsa.update(opened, `${LONG}Zoe has a pink kite.`, quiet);
    const known = new Set(opened.segments.map(({ hash }) => hash));
    expect(longer.segments.some(({ rate }) => rate === 4)).toBe(true);
    expect(scored()).toHaveLength(longer.segments.filter(({ hash }) => !known.has(hash)).length);
    expect(scored().length).toBeGreaterThan(0);
    expect(scored().length).toBeLessThan(5);

    // Other losses than those the decoder gives show that it is these that decide.
    const others = opened.segments.map((segment, i) => ({
      ...segment,
      restorationLoss: { rate: 8, nats: opened.segments.length - i },
    }));
    scoring.mockClear();
    const steered = await gmsa.update({ ...opened, segments: others }, LONG, quiet);
    expect(scored()).toEqual([]);
    const measured = others.map(({ tokens, restorationLoss }) => ({ tokens, loss: restorationLoss.nats }));
    expect(steered.segments.map(({ rate }) => rate)).toEqual(
      shareBudget(measured, targetTokens, { coarse: 8, fine: 4 }),
    );
    expect(steered.segments.map(({ rate }) => rate)).not.toEqual(opened.segments.map(({ rate }) => rate));

    // Losses at a rate that is not the one in question count for nothing.
    const elsewhere = opened.segments.map((segment) => ({
      ...segment,
      restorationLoss: { rate: 4, nats: 1 },
    }));
    const again = await gmsa.update({ ...opened, segments: elsewhere }, LONG, quiet);
    expect(scored()).toHaveLength(opened.segments.length);
    expect(contentOf(again)).toEqual({ ...contentOf(opened), segments: again.segments });
    expect(again.segments.map(({ restorationLoss }) => restorationLoss)).toEqual(
      opened.segments.map(({ restorationLoss }) => restorationLoss),
    );
  });

  test('lets a question have its turn', async () => {
    const context = await gmsa.compress('Anna has a cat.', quiet);
    const order: string[] = [];
    let answer: Promise<unknown> | undefined;
    const compression = compressWith(() => {
      answer = gmsa
        .ask(context, 'What does Anna have?', { maxNewTokens: 1 })
        .text()
        .then(() => order.push('answered'));
    });
    await compression.then(() => order.push('compressed'));
    await answer;
    expect(order).toEqual(['answered', 'compressed']);
  });

  test('stops at an abort', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    await expect(compressWith(() => controller.abort(reason), controller.signal)).rejects.toBe(reason);
    expect(scored().length).toBeLessThan(5);
    expect((await gmsa.compress(LONG, { targetTokens, ...quiet })).softTokens).toBeLessThanOrEqual(
      targetTokens,
    );
  });

  test('rejects with what the decoder fails with, and the compressor works on', async () => {
    const before = { compressor: starts('compressor'), decoder: starts('decoder') };
    const crash = () =>
      scoring.mockImplementationOnce(() => {
        page.latest('decoder').crash('boom');
        return new Promise(() => {});
      });
    await expect(compressWith(crash)).rejects.toMatchObject({
      code: 'WORKER_CRASHED',
      message: expect.stringContaining('decoder worker stopped: boom'),
    });
    scoring.mockRejectedValueOnce(new WebAssembly.RuntimeError('memory access out of bounds'));
    await expect(gmsa.compress(LONG, { targetTokens, ...quiet })).rejects.toMatchObject({
      code: 'WORKER_CRASHED',
      message: expect.stringContaining('out of bounds'),
    });
    expect((await gmsa.compress(LONG, { targetTokens, ...quiet })).targetTokens).toBe(targetTokens);
    expect(starts('decoder')).toBe(before.decoder + 2);
    expect(starts('compressor')).toBe(before.compressor);
  });

  test('goes on with another decoder where one ends between two batches', async () => {
    const fresh = await gmsa.compress(LONG, { targetTokens, ...quiet });
    const before = starts('decoder');
    const context = await compressWith(() => page.latest('decoder').crash('boom'));
    expect(contentOf(context)).toEqual(contentOf(fresh));
    expect(starts('decoder')).toBe(before + 1);
  });

  test('ends where the compressor fails, and the decoder works on', async () => {
    const before = { compressor: starts('compressor'), decoder: starts('decoder') };
    await expect(compressWith(() => page.latest('compressor').crash('boom'))).rejects.toMatchObject({
      code: 'WORKER_CRASHED',
      message: expect.stringContaining('compressor worker stopped: boom'),
    });
    expect(await gmsa.countTokens('a')).toBe(1);
    expect((await gmsa.compress(LONG, { targetTokens, ...quiet })).softTokens).toBeLessThanOrEqual(
      targetTokens,
    );
    expect(starts('decoder')).toBe(before.decoder);
    expect(starts('compressor')).toBe(before.compressor + 1);
  });

  test('ends with dispose', async () => {
    const other = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
    const onProgress = ({ tokens }: CompressProgress) => void (tokens > 0 && other.dispose());
    const compression = other.compress(LONG, { targetTokens, ...quiet, onProgress });
    await expect(compression).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});

describe('a number of soft tokens', () => {
  let gmsa: Gmsa;
  beforeAll(async () => {
    gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
  });
  afterAll(() => gmsa.dispose());

  test('that no rate keeps to is TOO_LONG before anything is encoded, naming what would', async () => {
    const fewest = (await gmsa.compress(TEXT, { rate: 8, ...quiet })).softTokens;
    const progress: CompressProgress[] = [];
    const options = { targetTokens: fewest - 1, onProgress: (p: CompressProgress) => progress.push(p) };
    await expect(gmsa.compress(TEXT, options)).rejects.toMatchObject({
      code: 'TOO_LONG',
      fix: expect.stringContaining(`Set targetTokens to ${fewest} or more`),
    });
    expect(progress).toEqual([]);
    expect((await gmsa.compress(TEXT, { targetTokens: fewest, ...quiet })).softTokens).toBe(fewest);
  });

  test('above the window is what the window holds', async () => {
    const context = await gmsa.compress(longText(250), { targetTokens: 100_000, ...quiet });
    expect(context.softTokens).toBeLessThan(gmsa.model.window);
    expect(context.rate).toBeGreaterThan(2);
    await expect(gmsa.compress('word '.repeat(20_000), { targetTokens: 100_000 })).rejects.toMatchObject({
      code: 'TOO_LONG',
    });
  });

  test('beside a rate, or of no soft token, is BAD_INPUT', async () => {
    await expect(gmsa.compress('text', { rate: 4, targetTokens: 9 })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    await expect(gmsa.compress('text', { targetTokens: 0 })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
