import { expect, test } from 'vitest';
import { GmsaError } from '../errors.js';
import { deferred } from '../utils/deferred.js';
import { runJob } from './job.js';
import { serveWorker } from './serve-worker.js';

async function serving() {
  const failure = deferred<never>();
  failure.promise.catch(() => {});
  const { lifecycle, run, loaded } = serveWorker<
    string,
    { failure: Promise<never>; dispose(): Promise<void> }
  >('decoder', async () => ({ failure: failure.promise, dispose: async () => {} }));
  const load = () =>
    runJob(
      (port) => lifecycle.load('setup', port),
      () => {},
    );
  const fail = (error: unknown) =>
    runJob(
      (port) => run(port, 'decoding', () => Promise.reject(error)),
      () => {},
    );
  return { failure, lifecycle, load, fail, loaded };
}

test('an error that comes before the loss of the device that causes it is that loss', async () => {
  const { failure, load, fail } = await serving();
  await load();
  const call = fail(new Error('mapAsync failed'));
  const lost = new GmsaError('DEVICE_LOST', 'lost', 'again');
  setTimeout(() => failure.reject(lost), 20);
  await expect(call).rejects.toBe(lost);
});

test('an error that no loss explains says what was under way', async () => {
  const { load, fail } = await serving();
  await load();
  await expect(fail(new Error('odd'))).rejects.toMatchObject({
    code: 'INTERNAL',
    message: 'An internal error occurred while decoding: odd',
  });
});

test('a call before loading or after dispose is DISPOSED', async () => {
  const { lifecycle, load, fail, loaded } = await serving();
  await expect(fail(new Error('never thrown'))).rejects.toMatchObject({ code: 'DISPOSED' });
  await load();
  await lifecycle.dispose();
  expect(loaded()).toBeUndefined();
  await expect(fail(new Error('never thrown'))).rejects.toMatchObject({ code: 'DISPOSED' });
});
