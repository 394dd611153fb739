import { expect, test } from 'vitest';
import { argmaxReference } from './reference.js';

test('the lowest id of equal maxima wins; NaN and infinities never do', () => {
  expect(argmaxReference([1, 3, 3, 2])).toEqual({ id: 1, isFinite: true });
  expect(argmaxReference([Number.NaN, -5, Number.POSITIVE_INFINITY, -2])).toEqual({ id: 3, isFinite: true });
  expect(argmaxReference([-0, 0])).toEqual({ id: 0, isFinite: true });
});

test('masked ids are passed over', () => {
  expect(argmaxReference([1, 9, 8, 3], [1, 2])).toEqual({ id: 3, isFinite: true });
});

test('logits without a finite number are told from any others', () => {
  expect(argmaxReference([Number.NaN, Number.NEGATIVE_INFINITY]).isFinite).toBe(false);
  expect(argmaxReference([]).isFinite).toBe(false);
  expect(argmaxReference([4], [0]).isFinite).toBe(false);
});
