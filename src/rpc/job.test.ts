import { expect, test } from 'vitest';
import { deferred } from '../utils/deferred.js';
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

test('a request waits for the reply, which is what the listener gives', async () => {
  const sum = await runJob<number, number>(
    (port) =>
      serveJob<number, number>(port, async ({ request }) => {
        let total = 0;
        for (let i = 1; i <= 4; i += 1) total += await request<number>(i);
        return total;
      }),
    (event) => event * 10,
  );
  expect(sum).toBe(100);
});

test('a reply may be a promise, which the work waits for while events come and go', async () => {
  const reply = deferred<string>();
  const seen: string[] = [];
  const result = runJob<string, string>(
    (port) =>
      serveJob<string, string>(port, async ({ request, emit }) => {
        const answer = request<string>('question');
        emit('meanwhile');
        return answer;
      }),
    (event) => {
      seen.push(event);
      if (event === 'meanwhile') setTimeout(() => reply.resolve('answer'), 10);
      return reply.promise;
    },
  );
  expect(await result).toBe('answer');
  expect(seen).toEqual(['question', 'meanwhile']);
});

test('a promise of a reply that rejects rejects the call with its error, and stops the work', async () => {
  const failure = new Error('no reply');
  let stopped: unknown;
  const job = runJob<number, void>(
    (port) =>
      serveJob<number, void>(port, async ({ request, checkpoint }) => {
        const asked = request(1);
        asked.catch((error: unknown) => {
          stopped = error;
        });
        for (;;) await checkpoint();
      }),
    () => Promise.reject(failure),
  );
  await expect(job).rejects.toBe(failure);
  await expect.poll(() => stopped).toMatchObject({ name: 'AbortError' });
});

test('a reply that comes after an abort is nobody’s, even if it is a failure', async () => {
  const controller = new AbortController();
  const reply = deferred<number>();
  const job = runJob<number, number>(
    (port) => serveJob<number, number>(port, ({ request }) => request<number>(1)),
    () => {
      setTimeout(() => controller.abort('enough'), 5);
      return reply.promise;
    },
    controller.signal,
  );
  await expect(job).rejects.toBe('enough');
  reply.reject(new Error('too late')); // an unhandled rejection would fail the run
  await new Promise((resolve) => setTimeout(resolve, 20));
});

test('an abort releases work that waits for a reply', async () => {
  const controller = new AbortController();
  let stopped: unknown;
  const job = runJob<number, void>(
    (port) =>
      serveJob<number, void>(port, async ({ request }) => {
        await request(1).catch((error: unknown) => {
          stopped = error;
          throw error;
        });
      }),
    () => controller.abort('enough'),
    controller.signal,
  );
  await expect(job).rejects.toBe('enough');
  await expect.poll(() => stopped).toMatchObject({ name: 'AbortError' });
});

test('a listener that throws rejects the call with its error, and stops the work', async () => {
  const failure = new Error('listener');
  let aborted = false;
  const job = runJob<number, void>(
    (port) =>
      serveJob<number, void>(port, async ({ emit, checkpoint, signal }) => {
        emit(1);
        try {
          for (;;) await checkpoint();
        } finally {
          aborted = signal.aborted;
        }
      }),
    () => {
      throw failure;
    },
  );
  await expect(job).rejects.toBe(failure);
  await expect.poll(() => aborted).toBe(true);
});
