import { expect, test } from 'vitest';
import { deferred } from '../../utils/deferred.js';
import { OrtQueue } from './ort-queue.js';

test('tasks run one at a time, in order', async () => {
  const queue = new OrtQueue();
  const log: string[] = [];
  const task = (name: string) => async () => {
    log.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    log.push(`${name} ends`);
    return name;
  };
  expect(await Promise.all([queue.run(task('a')), queue.run(task('b')), queue.run(task('c'))])).toEqual([
    'a',
    'b',
    'c',
  ]);
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('a failed run leaves the queue usable', async () => {
  const queue = new OrtQueue();
  const failure = new Error('bad run');
  const failed = queue.run(() => Promise.reject(failure));
  const thrown = queue.run(() => {
    throw failure;
  });
  const next = queue.run(async () => 'fine');
  await expect(failed).rejects.toBe(failure);
  await expect(thrown).rejects.toBe(failure);
  expect(await next).toBe('fine');
});

test('a closed queue rejects the task that hangs, the waiting and the later ones', async () => {
  const queue = new OrtQueue();
  const hanging = queue.run(() => deferred<void>().promise);
  let ran = false;
  const waiting = queue.run(async () => {
    ran = true;
  });
  queue.close('device lost');
  await expect(hanging).rejects.toBe('device lost');
  await expect(waiting).rejects.toBe('device lost');
  await expect(queue.run(async () => 1)).rejects.toBe('device lost');
  expect(ran).toBe(false);
});
