import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { softTokenCount } from '../../segments/window.js';
import { lowestRateWithin, shareBudget } from './rate-allocation.js';
import vectors from './rate-allocation-vectors.json' with { type: 'json' };

const RATES = [2, 4, 8];
const rates = { coarse: 4, fine: 2 };

describe('the rate for a budget', () => {
  test('is the lowest that fits', () => {
    const atRates = (budget: number) => lowestRateWithin([64, 64, 10], budget, RATES);
    expect(atRates(1000)).toBe(2);
    expect(atRates(69)).toBe(2);
    expect(atRates(68)).toBe(4);
    expect(atRates(35)).toBe(4);
    expect(atRates(34)).toBe(8);
    expect(atRates(18)).toBe(8);
  });

  test('that no rate keeps to is TOO_LONG, naming what would fit', () => {
    expect(() => lowestRateWithin([64, 64, 10], 17, RATES)).toThrow(
      expect.objectContaining({
        code: 'TOO_LONG',
        message: expect.stringContaining('18 soft tokens even at the highest rate, 8. The target is 17'),
        fix: 'Set targetTokens to 18 or more, or shorten the text to about 136 tokens.',
      }),
    );
  });
});

/** Small whole numbers, whose sums are exact and often equal. */
const small = fc.record({ tokens: fc.integer({ min: 1, max: 20 }), loss: fc.nat({ max: 6 }) });
const measured = fc.record({
  tokens: fc.integer({ min: 1, max: 512 }),
  loss: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 12, noNaN: true })),
});
const anyRates = fc.constantFrom(
  { coarse: 4, fine: 2 },
  { coarse: 8, fine: 4 },
  { coarse: 3, fine: 2 },
  { coarse: 8, fine: 1 },
);

type Segments = readonly { tokens: number; loss: number }[];
const budgetOf = (segments: Segments, more: number, coarse: number) =>
  more +
  softTokenCount(
    segments.map(({ tokens }) => tokens),
    coarse,
  );
const usedBy = (segments: Segments, shared: readonly number[]) =>
  segments.reduce((sum, { tokens }, i) => sum + Math.ceil(tokens / shared[i]!), 0);
const gainOf = (segments: Segments, shared: readonly number[], fine: number) =>
  segments.reduce((sum, { tokens, loss }, i) => sum + (shared[i] === fine ? tokens * loss : 0), 0);

describe('a shared budget', () => {
  test.each(vectors.cases)(
    'is what training gives, too: $name',
    ({ segments, budget, rates: pair, segment_rates }) => {
      expect(shareBudget(segments, budget, pair)).toEqual(segment_rates);
    },
  );

  test('goes to the segments that lose most at the higher rate', () => {
    const lossy = { tokens: 64, loss: 3 };
    const smooth = { tokens: 64, loss: 0.5 };
    expect(shareBudget([smooth, lossy, smooth], 64, rates)).toEqual([4, 2, 4]);
    expect(shareBudget([lossy, smooth, lossy], 80, rates)).toEqual([2, 4, 2]);
    expect(shareBudget([lossy, lossy], 47, rates)).toEqual([4, 4]);
    expect(shareBudget([lossy, lossy], 48, rates)).toEqual([2, 4]);
  });

  test('takes two segments where they lose more than the one that loses most a soft token', () => {
    const dense = { tokens: 40, loss: 3 }; // 10 more soft tokens, and no room beside it
    const pair = { tokens: 32, loss: 2 }; // 8 more
    const budget = budgetOf([dense, pair, pair], 16, 4);
    expect(shareBudget([dense, pair, pair], budget, rates)).toEqual([4, 2, 2]);
  });

  test('without any loss is used all the same, from the first segment on', () => {
    const lossless = { tokens: 64, loss: 0 };
    expect(shareBudget([lossless, lossless, lossless], 80, rates)).toEqual([2, 2, 4]);
    expect(shareBudget([lossless, { tokens: 64, loss: 1e-300 }], 48, rates)).toEqual([4, 2]);
  });

  test('leaves a segment at the higher rate that has no more soft tokens at the lower one', () => {
    expect(shareBudget([{ tokens: 2, loss: 9 }], 100, rates)).toEqual([4]);
  });

  test('is shared as well as trying every choice would', () => {
    fc.assert(
      fc.property(
        fc.array(small, { minLength: 1, maxLength: 9 }),
        fc.nat({ max: 40 }),
        anyRates,
        (segments, more, pair) => {
          const budget = budgetOf(segments, more, pair.coarse);
          let most = 0;
          for (let choice = 0; choice < 2 ** segments.length; choice += 1) {
            const tried = segments.map((_, i) => ((choice >> i) & 1 ? pair.fine : pair.coarse));
            const countsAlike = segments.some(
              ({ tokens }, i) =>
                tried[i] === pair.fine && Math.ceil(tokens / pair.fine) === Math.ceil(tokens / pair.coarse),
            );
            if (countsAlike || usedBy(segments, tried) > budget) continue;
            most = Math.max(most, gainOf(segments, tried, pair.fine));
          }
          expect(gainOf(segments, shareBudget(segments, budget, pair), pair.fine)).toBe(most);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is never exceeded, and no segment is left that would still fit', () => {
    fc.assert(
      fc.property(
        fc.array(measured, { minLength: 1, maxLength: 40 }),
        fc.nat({ max: 6000 }),
        anyRates,
        (segments, more, pair) => {
          const budget = budgetOf(segments, more, pair.coarse);
          const shared = shareBudget(segments, budget, pair);
          const used = usedBy(segments, shared);
          expect(used).toBeLessThanOrEqual(budget);
          segments.forEach(({ tokens }, i) => {
            const cost = Math.ceil(tokens / pair.fine) - Math.ceil(tokens / shared[i]!);
            if (cost > 0) expect(cost).toBeGreaterThan(budget - used);
          });
          expect(shareBudget(segments, budget, pair)).toEqual(shared);
        },
      ),
    );
  });
});
