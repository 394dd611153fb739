import { expect, test } from 'vitest';
import { deferred } from './deferred.js';
import { SharedRejection } from './shared-rejection.js';

test('what is guarded settles as it would alone', async () => {
  const calls = new SharedRejection();
  const failure = new Error('broken');
  expect(await calls.guard(Promise.resolve(5))).toBe(5);
  await expect(calls.guard(Promise.reject(failure))).rejects.toBe(failure);
});

test('a rejection reaches what is pending and what comes later, with its first reason', async () => {
  const calls = new SharedRejection();
  const pending = [calls.guard(deferred().promise), calls.guard(deferred().promise)];
  calls.reject('first');
  calls.reject('second');
  expect(calls.isRejected).toBe(true);
  for (const promise of pending) await expect(promise).rejects.toBe('first');
  await expect(calls.guard(Promise.resolve(5))).rejects.toBe('first');
});

test('a promise that rejects after that is nobody else’s concern', async () => {
  const calls = new SharedRejection();
  const { promise, reject } = deferred<void>();
  const guarded = calls.guard(promise);
  calls.reject('gone');
  reject(new Error('late'));
  await expect(guarded).rejects.toBe('gone');
  await expect(calls.guard(Promise.reject(new Error('later')))).rejects.toBe('gone');
});
