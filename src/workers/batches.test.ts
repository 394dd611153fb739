import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planBatches } from './batches.js';

test('each segment is in one batch, and a batch wastes little on padding', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 512 }), { maxLength: 100 }),
      fc.constantFrom(1, 512, 4096),
      (lengths, maxTokens) => {
        const batches = planBatches(lengths, maxTokens);
        expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        for (const batch of batches) {
          const own = batch.map((i) => lengths[i]!);
          const longest = Math.max(...own);
          if (batch.length > 1) expect(batch.length * longest).toBeLessThanOrEqual(maxTokens);
          expect(Math.min(...own)).toBeGreaterThanOrEqual(0.75 * longest);
        }
      },
    ),
  );
});

test('equal segments fill a batch', () => {
  expect(planBatches(Array(10).fill(512), 4096)).toEqual([
    [0, 1, 2, 3, 4, 5, 6, 7],
    [8, 9],
  ]);
});

test('a segment far behind is not fetched forward, so that results can be handed out in order', () => {
  const batches = planBatches(Array(64).fill(16), 4096);
  expect(batches).toHaveLength(4);
  expect(Math.max(...batches[0]!)).toBe(15);
});

test('no segments, no batches', () => {
  expect(planBatches([], 4096)).toEqual([]);
});
