import { expect, test } from 'vitest';
import { runJob, serveJob } from './job.js';

test('events arrive in order and before the result', async () => {
  const seen: number[] = [];
  const result = await runJob<number, string>(
    (port) =>
      serveJob<number, string>(port, async (job) => {
        for (let i = 0; i < 100; i += 1) job.emit(i);
        return 'done';
      }),
    (event) => seen.push(event),
  );
  expect(result).toBe('done');
  expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

test('an abort rejects at once with its reason, and stops the work at its next checkpoint', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  let steps = 0;
  let stopped: unknown;
  const job = runJob<number, void>(
    (port) =>
      serveJob<number, void>(port, async ({ checkpoint, emit, signal }) => {
        try {
          for (;;) {
            await checkpoint();
            steps += 1;
            emit(steps);
          }
        } catch (error) {
          stopped = { error, aborted: signal.aborted };
          throw error;
        }
      }),
    (event) => {
      if (event === 3) controller.abort(reason);
    },
    controller.signal,
  );
  await expect(job).rejects.toBe(reason);
  await expect.poll(() => stopped).toMatchObject({ aborted: true, error: { name: 'AbortError' } });
  const after = steps;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(steps).toBe(after);
});

test('a signal that is aborted already starts nothing', async () => {
  let started = false;
  const job = runJob(
    async () => {
      started = true;
    },
    () => {},
    AbortSignal.abort('no'),
  );
  await expect(job).rejects.toBe('no');
  expect(started).toBe(false);
});

test('a failure of the work is the failure of the job', async () => {
  const failure = new Error('broken');
  const job = runJob(
    (port) =>
      serveJob(port, async () => {
        throw failure;
      }),
    () => {},
  );
  await expect(job).rejects.toBe(failure);
});
