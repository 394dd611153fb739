import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeLossReference } from './reference.js';

const loss = (hidden: number[], lengths: number[], tokens: number, hiddenSize: number, rate: number) =>
  mergeLossReference(Float32Array.from(hidden), { lengths, tokens, hiddenSize, rate });

test('equal states lose nothing, states that cancel out lose all, padding does not count', () => {
  expect(loss([1, 2, 1, 2, 9, 9], [2], 3, 2, 2)).toEqual([0]);
  expect(loss([1, 2, -1, -2], [2], 2, 2, 2)).toEqual([1]);
  expect(loss([0, 0, 0, 0], [2], 2, 2, 2)).toEqual([0]);
  // Mean 2 of 1 and 3: squares of distance 1 + 1, of length 1 + 9.
  expect(loss([1, 3], [2], 2, 1, 2)).toEqual([0.2]);
});

test('each segment has its own, over its ragged last group too', () => {
  expect(loss([1, 1, 5, 0, 1, 3, 0, 0], [3, 2], 4, 1, 2)).toEqual([0, 0.2]);
  expect(loss([], [], 0, 4, 2)).toEqual([]);
});

const states = fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 16, maxLength: 16 });

test('is from 0 to 1, 0 at rate 1, and grows where groups are joined', () => {
  fc.assert(
    fc.property(states, (hidden) => {
      const [one, two, four] = [1, 2, 4].map((rate) => loss(hidden, [8], 8, 2, rate)[0]!);
      expect(one).toBe(0);
      expect(two).toBeLessThanOrEqual(four! + 1e-12);
      expect(four).toBeLessThanOrEqual(1 + 1e-12);
    }),
  );
});

test('wrong sizes are refused', () => {
  expect(() => loss([1], [2], 1, 1, 2)).toThrow(RangeError);
  expect(() => loss([1], [1], 1, 1, 0)).toThrow('rate 0');
});
