// Compressing to a number of soft tokens, with the tiny model of models/fixture: rates 2, 4 and 8, segments of 64 tokens.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompressedContext, type CompressProgress, Gmsa } from '../index.js';
import { FIXTURE_URL, longText } from '../testing/fixture.js';
import { shareBudget } from './budget.js';

const TEXT = longText(24);
const quiet = { prefill: false };
const contentOf = ({ stats: _, ...rest }: CompressedContext) => rest;

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

  test('a number between two rates is used up: those segments get more that lose most', async () => {
    const targetTokens = Math.round((at4.softTokens + at8.softTokens) / 2);
    const progress: CompressProgress[] = [];
    const context = await gmsa.compress(TEXT, {
      targetTokens,
      ...quiet,
      onProgress: (p) => progress.push(p),
    });
    expect(context.targetTokens).toBe(targetTokens);
    expect(context.softTokens).toBeLessThanOrEqual(targetTokens);
    expect(context.rate).toBeCloseTo(context.tokens / context.softTokens);

    const measured = context.segments.map(({ tokens, rate, mergeLosses, data }, i) => {
      expect(data).toEqual((rate === 4 ? at4 : at8).segments[i]!.data);
      const [two, four, eight] = mergeLosses!;
      expect(two).toBeGreaterThan(0);
      expect(four).toBeGreaterThan(two!);
      expect(eight).toBeGreaterThan(four!);
      expect(eight).toBeLessThan(1);
      return { tokens, loss: { coarse: eight!, fine: four! } };
    });
    const rates = context.segments.map(({ rate }) => rate);
    expect(new Set(rates)).toEqual(new Set([4, 8]));
    expect(rates).toEqual(shareBudget(measured, targetTokens, { coarse: 8, fine: 4 }));

    const counts = progress.map(({ segments }) => segments);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toMatchObject({ segments: context.segments.length, tokens: context.tokens });
  });

  test('a number that the lowest or one rate alone keeps to gives that rate', async () => {
    const roomy = await gmsa.compress(longText(12), { targetTokens: 500, ...quiet });
    expect(roomy.rate).toBe(2);
    expect(roomy.segments.every(({ mergeLosses }) => mergeLosses === undefined)).toBe(true);
    const exact = await gmsa.compress(TEXT, { targetTokens: at4.softTokens, ...quiet });
    expect(exact.rate).toBe(4);
    expect(exact.segments.map(({ data }) => data)).toEqual(at4.segments.map(({ data }) => data));
  });

  test('an update keeps to the number, and gives bit for bit what compressing afresh gives', async () => {
    const targetTokens = Math.round((at4.softTokens + at8.softTokens) / 2);
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
    const targetTokens = Math.round((at4.softTokens + at8.softTokens) / 2);
    const context = await gmsa.compress(TEXT, { targetTokens });
    const answer = gmsa.ask(context, 'What does Anna have?', { maxNewTokens: 4 });
    expect((await answer.stats).softTokens).toBe(context.softTokens);
    expect((await gmsa.restore(context, { maxNewTokens: 2 }).stats).softTokens).toBe(context.softTokens);
    const opened = await gmsa.open(context.toBlob({ text: true }));
    expect(opened).toEqual(context);
  });

  test('an abort while segments are measured rejects with its reason', async () => {
    const controller = new AbortController();
    const compression = gmsa.compress(TEXT, {
      targetTokens: at8.softTokens + 20,
      signal: controller.signal,
      onProgress: ({ segments }) => {
        if (segments === 0) controller.abort('enough');
      },
    });
    await expect(compression).rejects.toBe('enough');
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
