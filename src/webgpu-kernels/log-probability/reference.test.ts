import { expect, test } from 'vitest';
import { logProbabilityReference } from './reference.js';

const of = (logits: number[], targets: number[]) =>
  Array.from(logProbabilityReference(Float32Array.from(logits), targets) ?? []);

test('is the logarithm of the softmax, row by row', () => {
  const logits = [1, 2, 3].map(Math.log); // probabilities 1/6, 2/6, 3/6
  const [first, second] = of([...logits, ...logits], [0, 2]);
  expect(first).toBeCloseTo(Math.log(1 / 6), 6);
  expect(second).toBeCloseTo(Math.log(1 / 2), 6);
});

test('large logits do not overflow, and no log-probability is above 0', () => {
  expect(of([1000, 999], [0])[0]).toBeCloseTo(-Math.log(1 + Math.exp(-1)), 5);
  expect(of([1000, -1000], [0])).toEqual([0]);
  expect(of([1000, -1000], [1])).toEqual([-2000]);
});

test('a logit that is not finite leaves nothing to be had', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    expect(logProbabilityReference(Float32Array.of(0, bad), [0])).toBeUndefined();
  }
});
