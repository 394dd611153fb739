import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { softTokenCount } from '../window.js';
import { lowestRateWithin, shareBudget } from './budget.js';

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
        message: expect.stringContaining('18 soft tokens at the highest rate, 8: over the target of 17'),
        fix: 'Set targetTokens to 18 or more, or shorten the text to about 136 tokens.',
      }),
    );
  });
});

const measured = fc
  .record({
    tokens: fc.integer({ min: 1, max: 512 }),
    fine: fc.double({ min: 0, max: 0.5, noNaN: true }),
    more: fc.double({ min: 0, max: 0.5, noNaN: true }),
  })
  .map(({ tokens, fine, more }) => ({ tokens, loss: { fine, coarse: fine + more } }));

describe('a shared budget', () => {
  test('goes to the segments that lose most by the higher rate', () => {
    const lossy = { tokens: 64, loss: { coarse: 0.6, fine: 0.2 } };
    const smooth = { tokens: 64, loss: { coarse: 0.3, fine: 0.2 } };
    expect(shareBudget([smooth, lossy, smooth], 64, rates)).toEqual([4, 2, 4]);
    expect(shareBudget([lossy, smooth, lossy], 80, rates)).toEqual([2, 4, 2]);
    expect(shareBudget([lossy, lossy], 47, rates)).toEqual([4, 4]);
    expect(shareBudget([lossy, lossy], 48, rates)).toEqual([2, 4]);
  });

  test('is never exceeded, and no segment is left that would still fit', () => {
    fc.assert(
      fc.property(
        fc.array(measured, { minLength: 1, maxLength: 40 }),
        fc.nat({ max: 6000 }),
        (segments, more) => {
          const budget =
            softTokenCount(
              segments.map(({ tokens }) => tokens),
              rates.coarse,
            ) + more;
          const shared = shareBudget(segments, budget, rates);
          const used = segments.reduce((sum, { tokens }, i) => sum + Math.ceil(tokens / shared[i]!), 0);
          expect(used).toBeLessThanOrEqual(budget);
          segments.forEach(({ tokens }, i) => {
            const cost = Math.ceil(tokens / 2) - Math.ceil(tokens / shared[i]!);
            if (cost > 0) expect(cost).toBeGreaterThan(budget - used);
          });
        },
      ),
    );
  });
});
