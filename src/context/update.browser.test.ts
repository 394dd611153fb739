// Edits of a compressed text, with the tiny model of models/fixture, whose segments have at most 64 tokens.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompressedContext, Gmsa } from '../index.js';
import { FIXTURE_URL, longText } from '../testing/fixture.js';

const TEXT = longText(40);

const sentence = fc.constantFrom(
  'Zoe has a pink kite. ',
  'The baker sells green boats. ',
  'Tom has an old hat.\n\n',
  '',
  'x',
  ' ',
);
/** Up to three stretches of the text, in parts of its length, and what takes their place. */
const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    deleted: fc.nat({ max: 80 }),
    inserted: sentence,
  }),
  { minLength: 1, maxLength: 3 },
);

function edited(text: string, all: readonly { at: number; deleted: number; inserted: string }[]): string {
  let result = text;
  for (const { at, deleted, inserted } of all) {
    const start = Math.floor(at * result.length);
    result = result.slice(0, start) + inserted + result.slice(start + deleted);
  }
  return result.trim() === '' ? 'a' : result;
}

/** All of a context but how it came about. */
const contentOf = ({ stats: _, ...rest }: CompressedContext) => rest;

describe.each(['wasm', 'webgpu'] as const)('on %s', (device) => {
  let gmsa: Gmsa;
  let before: CompressedContext;
  const quiet = { prefill: false };
  beforeAll(async () => {
    gmsa = await Gmsa.load(FIXTURE_URL, { device });
    before = await gmsa.compress(TEXT, { rate: 8, ...quiet });
  });
  afterAll(() => gmsa.dispose());

  test('an update after random edits is bit for bit what compressing afresh gives', async () => {
    let reused = 0;
    await fc.assert(
      fc.asyncProperty(edits, async (all) => {
        const text = edited(TEXT, all);
        const updated = await gmsa.update(before, text, quiet);
        const fresh = await gmsa.compress(text, { rate: 8, ...quiet });
        expect(contentOf(updated)).toEqual(contentOf(fresh));
        const { encodedSegments, reusedSegments } = updated.stats;
        expect(encodedSegments + reusedSegments).toBe(fresh.segments.length);
        reused += reusedSegments;
      }),
      { numRuns: device === 'wasm' ? 25 : 4 },
    );
    expect(reused).toBeGreaterThan(0);
  });

  test('so it is with a number of soft tokens, where segments have the rates that they share it out by', async () => {
    const targetTokens = before.softTokens + 20;
    const shared = await gmsa.compress(TEXT, { targetTokens, ...quiet });
    const rates = new Set<number>();
    await fc.assert(
      fc.asyncProperty(edits, async (all) => {
        const text = edited(TEXT, all);
        const updated = await gmsa.update(shared, text, quiet);
        expect(contentOf(updated)).toEqual(contentOf(await gmsa.compress(text, { targetTokens, ...quiet })));
        for (const { rate } of updated.segments) rates.add(rate);
      }),
      { numRuns: device === 'wasm' ? 12 : 1 },
    );
    expect(rates).toEqual(new Set([4, 8]));
  });

  test('a segment alone has the very soft tokens it has in any company', async () => {
    for (const segment of before.segments.slice(0, 4)) {
      const alone = await gmsa.compress(segment.text!, { rate: 8, ...quiet });
      expect(alone.segments[0]).toEqual(segment);
    }
  });

  test('a sentence put in encodes at most three segments, and says how many were reused', async () => {
    const at = TEXT.indexOf('. ', TEXT.length / 2) + 1;
    const updated = await gmsa.update(
      before,
      `${TEXT.slice(0, at)} Zoe has a pink kite.${TEXT.slice(at)}`,
      quiet,
    );
    const { encodedSegments, reusedSegments, encodedTokens } = updated.stats;
    expect(encodedSegments).toBeGreaterThan(0);
    expect(encodedSegments).toBeLessThanOrEqual(3);
    expect(reusedSegments).toBe(updated.segments.length - encodedSegments);
    expect(encodedTokens).toBeLessThanOrEqual(3 * 64);
  });
});

describe('an update', () => {
  let gmsa: Gmsa;
  let before: CompressedContext;
  beforeAll(async () => {
    gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
    before = await gmsa.compress(longText(12), { rate: 2 });
  });
  afterAll(() => gmsa.dispose());

  test('of the same text encodes nothing, and a context without its text gets it back', async () => {
    const opened = await gmsa.open(before.toBlob());
    const updated = await gmsa.update(opened, longText(12));
    expect(updated.stats).toMatchObject({ encodedSegments: 0, encodedTokens: 0 });
    expect(contentOf(updated)).toEqual(contentOf(before));
  });

  test('hands segments out in order, reports progress, and can be asked about while it runs', async () => {
    const text = `Zoe has a pink kite. ${longText(12)}`;
    const finished: number[] = [];
    const update = gmsa.update(before, text, { onProgress: ({ segments }) => finished.push(segments) });
    const answer = gmsa.ask(update, 'What does Zoe have?', { maxNewTokens: 8 }).text();
    const texts: string[] = [];
    for await (const segment of update) texts.push(segment.text!);
    expect(texts.join('')).toBe(text);
    expect(finished).toEqual([0, ...texts.map((_, i) => i + 1)]);
    const fresh = await gmsa.compress(text, { rate: 2 });
    expect(await answer).toBe(await gmsa.ask(fresh, 'What does Zoe have?', { maxNewTokens: 8 }).text());
  });

  test('of a context of another dtype encodes everything afresh', async () => {
    const other = { ...before, dtype: 'q4f16' as const };
    expect((await gmsa.update(other, longText(12))).stats.reusedSegments).toBe(0);
  });

  test('leaves the context as it was', async () => {
    const copy = structuredClone(before);
    await gmsa.update(before, 'Something else.');
    expect(structuredClone(before)).toEqual(copy);
  });

  test('takes a signal', async () => {
    const signal = AbortSignal.abort('no');
    await expect(gmsa.update(before, longText(13), { signal })).rejects.toBe('no');
  });

  test('of what is no context is BAD_INPUT, of another model OTHER_MODEL, to nothing BAD_INPUT', async () => {
    // @ts-expect-error a context is an object
    await expect(gmsa.update(undefined, 'text')).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(gmsa.update(before, ' ')).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const other = { ...before, modelHash: '0'.repeat(64) };
    await expect(gmsa.update(other, 'text')).rejects.toMatchObject({ code: 'OTHER_MODEL' });
  });
});
