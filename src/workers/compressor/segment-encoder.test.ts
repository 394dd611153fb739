import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planBatches } from './segment-encoder.js';

const lengthLists = fc.array(fc.integer({ min: 1, max: 512 }), { maxLength: 100 });
const sizes = fc.record({ multiple: fc.constantFrom(1, 16, 128), maxTokens: fc.constantFrom(0, 512, 4096) });

test('each segment is in one batch, padded to its own length rounded up, whatever else is in it', () => {
  fc.assert(
    fc.property(lengthLists, sizes, (lengths, { multiple, maxTokens }) => {
      const batches = planBatches(lengths, { multiple, maxTokens });
      expect(batches.flatMap(({ segments }) => segments).sort((a, b) => a - b)).toEqual(
        lengths.map((_, i) => i),
      );
      for (const { segments, tokens } of batches) {
        for (const i of segments) expect(tokens).toBe(Math.ceil(lengths[i]! / multiple) * multiple);
        if (segments.length > 1) expect(segments.length * tokens).toBeLessThanOrEqual(maxTokens);
      }
    }),
  );
});

test('the batch of an earlier segment comes first', () => {
  fc.assert(
    fc.property(lengthLists, sizes, (lengths, options) => {
      const firsts = planBatches(lengths, options).map(({ segments }) => segments[0]!);
      expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
    }),
  );
});

test('equal segments fill a batch', () => {
  const batches = planBatches(Array(10).fill(500), { multiple: 128, maxTokens: 4096 });
  expect(batches).toEqual([
    { segments: [0, 1, 2, 3, 4, 5, 6, 7], tokens: 512 },
    { segments: [8, 9], tokens: 512 },
  ]);
});

test('a segment far behind is not fetched forward, so that results can be handed out in order', () => {
  const batches = planBatches(Array(64).fill(16), { multiple: 16, maxTokens: 4096 });
  expect(batches).toHaveLength(4);
  expect(Math.max(...batches[0]!.segments)).toBe(15);
});

test('no segments, no batches', () => {
  expect(planBatches([], { multiple: 1, maxTokens: 4096 })).toEqual([]);
});
