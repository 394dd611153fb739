import { describe, expect, test } from 'vitest';
import type { Sampling } from './api.js';
import { CpuLogits } from './logits.js';
import { candidates, createSampler, penaliseRepetition, sample, seededRandom } from './sampler.js';

const all: Sampling = { temperature: 1, topK: 0, topP: 1 };
/** Logits whose softmax is this. */
const logitsOf = (probabilities: number[]) => Float32Array.from(probabilities, Math.log);
const HALF = [0.05, 0.5, 0.15, 0.3];

describe('candidates', () => {
  test('are the softmax of the logits, the likeliest first', () => {
    const found = candidates(logitsOf(HALF), all);
    expect(found.map(({ id }) => id)).toEqual([1, 3, 2, 0]);
    found.forEach(({ id, probability }) => {
      expect(probability).toBeCloseTo(HALF[id]!, 6);
    });
  });

  test('of a temperature are the softmax of the logits divided by it', () => {
    const found = candidates(logitsOf(HALF), { ...all, temperature: 0.5 });
    const squares = HALF.map((p) => p * p);
    const total = squares.reduce((sum, p) => sum + p);
    found.forEach(({ id, probability }) => {
      expect(probability).toBeCloseTo(squares[id]! / total, 6);
    });
  });

  test('of top-k are the k likeliest; of equal ones the lowest ids', () => {
    expect(candidates(logitsOf(HALF), { ...all, topK: 2 }).map(({ id }) => id)).toEqual([1, 3]);
    expect(candidates(new Float32Array(100), { ...all, topK: 3 }).map(({ id }) => id)).toEqual([0, 1, 2]);
    expect(candidates(logitsOf(HALF), { ...all, topK: 99 })).toHaveLength(4);
  });

  test('of top-k among many are those of sorting them all', () => {
    const random = seededRandom(1);
    const logits = Float32Array.from({ length: 5000 }, () => Math.floor(random() * 900));
    const sorted = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
    for (const topK of [1, 7, 50, 4999]) {
      expect(candidates(logits, { ...all, topK }).map(({ id }) => id)).toEqual(sorted.slice(0, topK));
    }
  });

  test('of top-p are the fewest that reach it, at least one', () => {
    const of = (topP: number) => candidates(logitsOf(HALF), { ...all, topP }).map(({ id }) => id);
    expect(of(0.01)).toEqual([1]);
    expect(of(0.79)).toEqual([1, 3]);
    expect(of(0.81)).toEqual([1, 3, 2]);
    expect(of(1)).toEqual([1, 3, 2, 0]);
  });

  test('leave out what is not finite, and are an error if nothing else is there', () => {
    const { NaN: nan, NEGATIVE_INFINITY: minus } = Number;
    expect(candidates(Float32Array.of(nan, 1, minus, 0), all).map(({ id }) => id)).toEqual([1, 3]);
    expect(() => candidates(Float32Array.of(nan, minus), all)).toThrow(
      expect.objectContaining({ code: 'INTERNAL' }),
    );
  });
});

test('tokens are drawn as often as they are likely', () => {
  const random = seededRandom(7);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 20_000; i += 1) counts[sample(logitsOf(HALF), all, random)]! += 1;
  HALF.forEach((probability, id) => {
    expect(Math.abs(counts[id]! / 20_000 - probability)).toBeLessThan(0.015);
  });
});

test('the same seed draws the same tokens, another seed others', () => {
  const logits = new Float32Array(1000);
  const drawn = (seed?: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 20 }, () => sample(logits, all, random));
  };
  expect(drawn(1)).toEqual(drawn(1));
  expect(drawn(1)).not.toEqual(drawn(2));
  expect(drawn()).not.toEqual(drawn());
});

test('the first numbers of small seeds are spread evenly, and no two of them go together', () => {
  const seeds = Array.from({ length: 2000 }, (_, seed) => seededRandom(seed));
  const [first, second] = [seeds.map((random) => random()), seeds.map((random) => random())];
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value) / values.length;
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const share = mean(first.map((value) => Number(Math.floor(value * 10) === tenth)));
    expect(Math.abs(share - 0.1)).toBeLessThan(0.03);
  }
  const apart = (a: number, b: number) => 12 * (a - 0.5) * (b - 0.5);
  expect(Math.abs(mean(first.map((value, i) => apart(value, second[i]!))))).toBeLessThan(0.1);
  expect(Math.abs(mean(first.slice(1).map((value, i) => apart(value, first[i]!))))).toBeLessThan(0.1);
});

test('a repetition penalty divides positive logits and multiplies negative ones, once an id', () => {
  const logits = Float32Array.of(4, -4, 4, 0);
  penaliseRepetition(logits, [0, 1, 0, 3], 2);
  expect(Array.from(logits)).toEqual([2, -8, 4, 0]);
});

const logits = () => new CpuLogits(Float32Array.of(1, 5, 4.5, 4));

test('greedy is the argmax, without what is masked', async () => {
  const sampler = createSampler({});
  expect(await sampler(logits(), [], [])).toBe(1);
  expect(await sampler(logits(), [], [1])).toBe(2);
});

test('a repetition penalty passes over what was seen, if it is likely enough', async () => {
  const sampler = createSampler({ repetitionPenalty: 1.2 });
  expect(await sampler(logits(), [], [])).toBe(1);
  expect(await sampler(logits(), [1], [])).toBe(2);
  expect(await sampler(logits(), [1, 2], [])).toBe(1);
  expect(await sampler(logits(), [1], [2])).toBe(1);
});

test('nothing that is masked is ever drawn', async () => {
  const sampler = createSampler({ sampling: { temperature: 5, topK: 0, topP: 1, seed: 3 } });
  const drawn = new Set<number>();
  for (let i = 0; i < 200; i += 1) drawn.add(await sampler(logits(), [], [1]));
  expect(drawn).toEqual(new Set([0, 2, 3]));
});
