import { expect, test } from 'vitest';
import { ContextCaches, KeyValueCache } from './key-value-cache.js';
import type { Tensor } from './ort.js';

/** A cache of one GPU tensor that records whether it is alive. */
function fakeCache(length: number) {
  const state = { alive: true };
  const tensor = {
    location: 'gpu-buffer',
    dispose: () => {
      if (!state.alive) throw new Error('disposed twice');
      state.alive = false;
    },
  } as unknown as Tensor;
  return { state, cache: new KeyValueCache(new Map([['past_key_values.0.key', tensor]]), length) };
}

test('the context used longest ago is dropped, and its tensors with it', () => {
  const contexts = new ContextCaches(1000);
  const made = [1, 2, 3, 4].map((id) => {
    const one = fakeCache(10);
    contexts.put(id, one.cache);
    return one;
  });
  expect(contexts.get(1)).toBe(made[0]!.cache);
  contexts.put(5, fakeCache(10).cache);
  expect(contexts.get(2)).toBeUndefined();
  expect(made.map(({ state }) => state.alive)).toEqual([true, false, true, true]);
});

test('as many are dropped as their positions ask for, but never the new one', () => {
  const contexts = new ContextCaches(100);
  const [a, b, c] = [fakeCache(60), fakeCache(40), fakeCache(150)];
  contexts.put(1, a!.cache);
  contexts.put(2, b!.cache);
  expect(a!.state.alive).toBe(true);
  contexts.put(3, c!.cache);
  expect([a, b, c].map((one) => one!.state.alive)).toEqual([false, false, true]);
  expect(contexts.get(3)).toBe(c!.cache);
});

test('a new cache for the same context replaces the old one; dispose leaves nothing', () => {
  const contexts = new ContextCaches(100);
  const [a, b] = [fakeCache(10), fakeCache(10)];
  contexts.put(1, a!.cache);
  contexts.put(1, b!.cache);
  expect(a!.state.alive).toBe(false);
  contexts.dispose();
  expect(b!.state.alive).toBe(false);
  expect(contexts.get(1)).toBeUndefined();
});
