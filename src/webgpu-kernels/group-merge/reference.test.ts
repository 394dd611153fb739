import { expect, test } from 'vitest';
import { groupMergeReference, mergedLength } from './reference.js';

const merge = (hidden: number[], lengths: number[], tokens: number, hiddenSize: number, rate: number) =>
  Array.from(groupMergeReference(Float32Array.from(hidden), { lengths, tokens, hiddenSize, rate }));

test('full groups are means of their tokens', () => {
  expect(merge([1, 10, 3, 30, 5, 50, 7, 70], [4], 4, 2, 2)).toEqual([2, 20, 6, 60]);
});

test('a tail shorter than one group is averaged over its own length', () => {
  expect(merge([1, 3, 8], [3], 3, 1, 2)).toEqual([2, 8]);
});

test('padding is left out, and groups beyond the end of a segment are zeros', () => {
  expect(merge([1, 3, 5, 7, /* second */ 2, 99, 99, 99], [4, 1], 4, 1, 2)).toEqual([2, 6, 2, 0]);
});

test('an empty segment gives zeros, no segments give nothing', () => {
  expect(merge([9, 9, 4, 6], [0, 2], 2, 1, 4)).toEqual([0, 5]);
  expect(merge([], [], 0, 3, 4)).toEqual([]);
});

test('rate 1 copies, a rate above the length gives one group', () => {
  expect(merge([1, 2, 3], [3], 3, 1, 1)).toEqual([1, 2, 3]);
  expect(merge([1, 2, 3], [3], 3, 1, 16)).toEqual([2]);
});

test('the padded length decides the number of groups; those of padding alone are zeros', () => {
  expect(mergedLength({ tokens: 10, rate: 4 })).toBe(3);
  expect(mergedLength({ tokens: 0, rate: 4 })).toBe(0);
  expect(merge([1, 3, 9, 9, 9, 9], [2], 6, 1, 2)).toEqual([2, 0, 0]);
});

test('wrong sizes are refused', () => {
  expect(() => merge([1, 2], [3], 2, 1, 2)).toThrow(RangeError);
  expect(() => merge([1], [2], 2, 1, 2)).toThrow('1 hidden values, 2 expected');
  expect(() => merge([1], [1], 1, 1, 0)).toThrow('rate 0');
  expect(() => merge([1], [1], 1, 1, 1.5)).toThrow('rate 1.5');
});
