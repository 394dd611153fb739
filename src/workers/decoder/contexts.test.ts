import { expect, test } from 'vitest';
import type { Tensor } from '../runtime/ort.js';
import { ContextCaches } from './contexts.js';
import { KeyValueCache } from './decoder-graph.js';

/** A cache of one GPU tensor that records whether it is alive. */
function fakeContext(length: number) {
  const state = { alive: true };
  const tensor = {
    location: 'gpu-buffer',
    dispose: () => {
      if (!state.alive) throw new Error('disposed twice');
      state.alive = false;
    },
  } as unknown as Tensor;
  const cache = new KeyValueCache(new Map([['past_key_values.0.key', tensor]]), length);
  return { state, kept: { cache, segments: 1 } };
}

const BYTES_PER_POSITION = 8;
const caches = (positions: number) => new ContextCaches(positions * BYTES_PER_POSITION, BYTES_PER_POSITION);
const alive = (...contexts: { state: { alive: boolean } }[]) => contexts.map(({ state }) => state.alive);

test('the context used longest ago is dropped, and its tensors with it', () => {
  const contexts = caches(40);
  const made = [1, 2, 3, 4].map((id) => {
    const one = fakeContext(10);
    contexts.give(id, one.kept);
    return one;
  });
  const used = contexts.take(1)!;
  expect(used).toBe(made[0]!.kept);
  contexts.give(1, used);
  contexts.give(5, fakeContext(10).kept);
  expect(contexts.take(2)).toBeUndefined();
  expect(alive(...made)).toEqual([true, false, true, true]);
});

test('as many are dropped as the budget asks for, and its bytes are never exceeded', () => {
  const contexts = caches(100);
  const [a, b, c] = [fakeContext(60), fakeContext(40), fakeContext(70)];
  contexts.give(1, a.kept);
  contexts.give(2, b.kept);
  expect(contexts.bytes).toBe(100 * BYTES_PER_POSITION);
  expect(alive(a, b)).toEqual([true, true]);
  contexts.give(3, c.kept);
  expect(alive(a, b, c)).toEqual([false, false, true]);
  expect(contexts.bytes).toBe(70 * BYTES_PER_POSITION);
});

test('a context larger than the budget is not kept, nor is anything with a budget of 0', () => {
  const large = fakeContext(101);
  caches(100).give(1, large.kept);
  const small = fakeContext(1);
  caches(0).give(1, small.kept);
  expect(alive(large, small)).toEqual([false, false]);
});

test('room is made before a new cache is filled, and no more than it needs', () => {
  const contexts = caches(100);
  const [a, b, c] = [fakeContext(40), fakeContext(30), fakeContext(30)];
  contexts.give(1, a.kept);
  contexts.give(2, b.kept);
  contexts.give(3, c.kept);
  contexts.makeRoom(30);
  expect(alive(a, b, c)).toEqual([false, true, true]);
});

test("a context that is taken is the caller's: nothing drops it", () => {
  const contexts = caches(100);
  const used = fakeContext(90);
  contexts.give(1, used.kept);
  contexts.take(1);
  contexts.drop(1);
  contexts.dispose();
  expect(used.state.alive).toBe(true);
});

test('a new cache for the same context replaces the old one; dispose leaves nothing', () => {
  const contexts = caches(100);
  const [a, b] = [fakeContext(10), fakeContext(10)];
  contexts.give(1, a.kept);
  contexts.give(1, b.kept);
  expect(alive(a, b)).toEqual([false, true]);
  contexts.dispose();
  expect(alive(b)).toEqual([false]);
  expect(contexts.take(1)).toBeUndefined();
});
