import { expect, test } from 'vitest';
import { deferred } from './deferred.js';
import { unlessAborted } from './unless-aborted.js';

test('settles as the value does', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(3, signal)).toBe(3);
  await expect(unlessAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
});

test('rejects with the reason at once, before and while it waits', async () => {
  const controller = new AbortController();
  const waiting = unlessAborted(deferred<void>().promise, controller.signal);
  controller.abort('enough');
  await expect(waiting).rejects.toBe('enough');
  await expect(unlessAborted(3, controller.signal)).rejects.toBe('enough');
});
