import { expect, test } from 'vitest';
import { deferred } from './deferred.js';
import { Fuse } from './fuse.js';

test('what is guarded settles as it would alone', async () => {
  const fuse = new Fuse();
  const failure = new Error('broken');
  expect(await fuse.guard(Promise.resolve(5))).toBe(5);
  await expect(fuse.guard(Promise.reject(failure))).rejects.toBe(failure);
});

test('a blown fuse rejects what is pending and what comes later, with its first reason', async () => {
  const fuse = new Fuse();
  const pending = [fuse.guard(deferred().promise), fuse.guard(deferred().promise)];
  fuse.blow('first');
  fuse.blow('second');
  expect(fuse.isBlown).toBe(true);
  for (const promise of pending) await expect(promise).rejects.toBe('first');
  await expect(fuse.guard(Promise.resolve(5))).rejects.toBe('first');
});

test('a promise that rejects after the fuse has blown is nobody else’s concern', async () => {
  const fuse = new Fuse();
  const { promise, reject } = deferred<void>();
  const guarded = fuse.guard(promise);
  fuse.blow('gone');
  reject(new Error('late'));
  await expect(guarded).rejects.toBe('gone');
  await expect(fuse.guard(Promise.reject(new Error('later')))).rejects.toBe('gone');
});
