import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { GmsaError } from '../errors.js';
import { FakeWorker } from '../testing/fake-worker.js';
import { type Deferred, deferred } from '../utils/deferred.js';
import { type Job, serveJob } from './job.js';
import type { WorkerApi } from './worker-api.js';
import { WorkerHost } from './worker-host.js';

interface Api extends WorkerApi<string> {
  /** Works until its job is aborted or `finish` is called. */
  work(port: MessagePort): Promise<string>;
  fail(error: GmsaError, port: MessagePort): Promise<void>;
  /** Tells its listener something, then works until its job is aborted or `finish` is called. */
  speak(port: MessagePort): Promise<string>;
  note(value: number): Promise<void>;
  notes(port: MessagePort): Promise<number[]>;
}

/** A worker that loads at once unless told otherwise, and what the tests see of it. */
class TestWorker {
  readonly worker: FakeWorker;
  readonly failure: Deferred<void> = deferred();
  readonly finish: Deferred<string> = deferred();
  readonly noted: number[] = [];
  loaded: string | undefined;
  disposed = false;
  jobs: Job<never>[] = [];

  constructor(loading: () => Promise<void>, handshake: () => Promise<void>) {
    this.failure.promise.catch(() => {}); // whether or not the host has asked yet
    const api: Api = {
      handshake,
      load: (setup, port) =>
        serveJob(port, async () => {
          await loading();
          this.loaded = setup;
        }),
      failure: () => this.failure.promise,
      dispose: async () => {
        this.disposed = true;
      },
      work: (port) =>
        serveJob<never, string>(port, (job) => {
          this.jobs.push(job);
          return this.finish.promise;
        }),
      fail: (error, port) => serveJob(port, () => Promise.reject(new GmsaError(error.code, 'failed', 'fix'))),
      speak: (port) =>
        serveJob<string, string>(port, (job) => {
          job.emit('a word');
          return this.finish.promise;
        }),
      note: async (value) => void this.noted.push(value),
      notes: (port) => serveJob<never, number[]>(port, async () => this.noted),
    };
    this.worker = new FakeWorker({ decoder: api });
  }
}

let workers: TestWorker[] = [];
afterEach(() => {
  for (const { worker } of workers) worker.terminate();
  workers = [];
  vi.useRealTimers();
});

interface HostSetup {
  loading?: () => Promise<void>;
  handshake?: () => Promise<void>;
  setup?: (signal: AbortSignal) => Promise<string>;
}

function makeHost({ loading = async () => {}, handshake = async () => {}, setup }: HostSetup = {}) {
  return new WorkerHost<string, Api>({
    name: 'decoder',
    start: () => {
      workers.push(new TestWorker(loading, handshake));
      return workers.at(-1)!.worker.asWorker;
    },
    setup: setup ?? (async () => 'files'),
  });
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const quiet = () => {};
const work = (host: WorkerHost<string, Api>, signal?: AbortSignal) =>
  host.run<never, string>((api, port) => api.work(port), quiet, signal);
const notes = (host: WorkerHost<string, Api>) =>
  host.run<never, number[]>((api, port) => api.notes(port), quiet);
const failWith = (host: WorkerHost<string, Api>, code: GmsaError['code']) =>
  host.run<never, void>((api, port) => api.fail({ code } as GmsaError, port), quiet);
const gone = new GmsaError('DISPOSED', 'gone', 'load again');

test('the first call starts the worker, loaded with its setup; later calls use it', async () => {
  const host = makeHost();
  expect(workers).toHaveLength(0);
  await Promise.all([notes(host), notes(host)]);
  await notes(host);
  expect(workers.map(({ loaded }) => loaded)).toEqual(['files']);
});

test('calls reach the worker in the order in which they are made, those that may be lost among them', async () => {
  const host = makeHost();
  host.notify((api) => api.note(0)); // nothing runs: lost
  const start = host.start(new AbortController().signal);
  host.notify((api) => api.note(1));
  const first = notes(host);
  host.notify((api) => api.note(2));
  await start;
  expect(await first).toEqual([1]);
  host.notify((api) => api.note(3));
  expect(await notes(host)).toEqual([1, 2, 3]);
});

test('a crash rejects all calls under way, and the next call starts another worker', async () => {
  const host = makeHost();
  await host.start();
  const calls = [work(host), work(host)];
  workers[0]!.worker.crash('boom');
  for (const call of calls) {
    await expect(call).rejects.toMatchObject({
      code: 'WORKER_CRASHED',
      message: expect.stringContaining('boom'),
    });
  }
  expect(workers[0]!.worker.terminated).toBe(true);
  expect(await notes(host)).toEqual([]);
  expect(workers).toHaveLength(2);
});

test('a message that cannot be read counts as a crash', async () => {
  const host = makeHost();
  await host.start();
  const call = work(host);
  workers[0]!.worker.dispatchEvent(new Event('messageerror'));
  await expect(call).rejects.toMatchObject({ code: 'WORKER_CRASHED' });
});

test('a failure that the worker reports between calls spares the next call, which starts another worker', async () => {
  const host = makeHost();
  await host.start();
  workers[0]!.failure.reject(new GmsaError('DEVICE_LOST', 'lost', 'again'));
  await expect.poll(() => workers[0]!.worker.terminated).toBe(true);
  expect(await notes(host)).toEqual([]);
  expect(workers).toHaveLength(2);
});

test('a failure that the worker reports rejects the calls under way', async () => {
  const host = makeHost();
  await host.start();
  const call = work(host);
  workers[0]!.failure.reject(new GmsaError('DEVICE_LOST', 'lost', 'again'));
  await expect(call).rejects.toMatchObject({ code: 'DEVICE_LOST' });
});

test.each(['DEVICE_LOST', 'OUT_OF_MEMORY', 'WORKER_CRASHED'] as const)(
  'a call that ends in %s ends the worker',
  async (code) => {
    const host = makeHost();
    await expect(failWith(host, code)).rejects.toMatchObject({ code });
    await notes(host);
    expect(workers).toHaveLength(2);
  },
);

describe.each(['DEVICE_LOST', 'OUT_OF_MEMORY', 'WORKER_CRASHED'] as const)('%s of another worker', (code) => {
  const foreign = new GmsaError(code, 'The other worker failed.', 'again');

  test('that a listener throws rejects the call and leaves the worker as it is', async () => {
    const host = makeHost();
    const call = host.run<string, string>(
      (api, port) => api.speak(port),
      () => {
        throw foreign;
      },
    );
    await expect(call).rejects.toBe(foreign);
    await notes(host);
    expect(workers.map(({ worker }) => worker.terminated)).toEqual([false]);
  });

  test('that a call is aborted with rejects it and leaves the worker as it is', async () => {
    const host = makeHost();
    const controller = new AbortController();
    const call = work(host, controller.signal);
    await expect.poll(() => workers[0]?.jobs.length).toBe(1);
    controller.abort(foreign);
    await expect(call).rejects.toBe(foreign);
    await notes(host);
    expect(workers.map(({ worker }) => worker.terminated)).toEqual([false]);
  });
});

test('a worker that fails after its call was aborted is ended all the same', async () => {
  const host = makeHost();
  const controller = new AbortController();
  const call = work(host, controller.signal);
  await expect.poll(() => workers[0]?.jobs.length).toBe(1);
  controller.abort('enough');
  await expect(call).rejects.toBe('enough');
  workers[0]!.finish.reject(new GmsaError('OUT_OF_MEMORY', 'full', 'again'));
  await expect.poll(() => workers[0]!.worker.terminated).toBe(true);
  expect(await notes(host)).toEqual([]);
});

test('a call that fails otherwise leaves the worker as it is', async () => {
  const host = makeHost();
  await expect(failWith(host, 'TOO_LONG')).rejects.toMatchObject({ code: 'TOO_LONG' });
  await notes(host);
  expect(workers).toHaveLength(1);
});

test('a start that fails is tried again by the next call', async () => {
  let tries = 0;
  const host = makeHost({
    setup: async () => {
      tries += 1;
      if (tries === 1) throw new GmsaError('NETWORK', 'offline', 'connect');
      return 'files';
    },
  });
  await expect(host.start()).rejects.toMatchObject({ code: 'NETWORK' });
  expect(workers[0]!.worker.terminated).toBe(true);
  expect(await notes(host)).toEqual([]);
});

test('a worker that cannot be made is the call’s failure', async () => {
  const host = new WorkerHost<string, Api>({
    name: 'decoder',
    start: () => {
      throw new DOMException('another origin', 'SecurityError');
    },
    setup: async () => 'files',
  });
  await expect(host.start()).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('another origin'),
    fix: expect.stringContaining('worker option'),
  });
});

test('a start goes on while one of its callers has not given up, and ends with the last', async () => {
  const loading = deferred<void>();
  let stop: AbortSignal | undefined;
  const host = makeHost({
    loading: () => loading.promise,
    setup: async (signal) => {
      stop = signal;
      return 'files';
    },
  });
  const [a, b] = [new AbortController(), new AbortController()];
  const first = work(host, a.signal);
  const second = work(host, b.signal);
  a.abort('enough');
  await expect(first).rejects.toBe('enough');
  expect(stop!.aborted).toBe(false);
  expect(workers[0]!.worker.terminated).toBe(false);
  b.abort('enough too');
  await expect(second).rejects.toBe('enough too');
  expect(stop!.aborted).toBe(true);
  expect(workers[0]!.worker.terminated).toBe(true);
  loading.resolve();
  expect(await notes(host)).toEqual([]);
});

test('an abort of a call tells the worker, which stays', async () => {
  const host = makeHost();
  const controller = new AbortController();
  const call = work(host, controller.signal);
  await expect.poll(() => workers[0]?.jobs.length).toBe(1);
  controller.abort('enough');
  await expect(call).rejects.toBe('enough');
  await expect.poll(() => workers[0]!.jobs[0]!.signal.aborted).toBe(true);
  expect(workers[0]!.worker.terminated).toBe(false);
});

test('a release waits for the calls under way; the next call waits for the release and starts another worker', async () => {
  const host = makeHost();
  await host.start();
  const call = work(host);
  const release = host.release();
  const next = notes(host);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(workers[0]!.worker.terminated).toBe(false);
  expect(workers).toHaveLength(1);
  workers[0]!.finish.resolve('done');
  expect(await call).toBe('done');
  await release;
  expect(workers[0]).toMatchObject({ disposed: true, worker: { terminated: true } });
  expect(await next).toEqual([]);
  expect(workers).toHaveLength(2);
  await host.release();
  await host.release();
  expect(workers).toHaveLength(2);
});

test('after dispose calls under way and later ones reject; twice is harmless', async () => {
  const host = makeHost();
  await host.start();
  const call = work(host);
  const disposal = host.dispose(gone);
  await expect(call).rejects.toBe(gone);
  await disposal;
  await host.dispose(gone);
  expect(workers[0]).toMatchObject({ disposed: true, worker: { terminated: true } });
  await expect(notes(host)).rejects.toBe(gone);
  expect(workers).toHaveLength(1);
});

test('nothing that a worker was started with outlives it', async () => {
  let files: WeakRef<object> | undefined;
  const setup = async () => {
    const made = {};
    files = new WeakRef(made);
    return made as string;
  };
  const host = makeHost({ setup });
  await host.start();
  await host.dispose(gone);
  const left = () => {
    collectGarbage();
    return files!.deref();
  };
  await expect.poll(left).toBeUndefined();
});

test('a dispose while a release waits ends both', async () => {
  const host = makeHost();
  await host.start();
  const call = work(host);
  const release = host.release();
  const next = work(host);
  const disposal = host.dispose(gone);
  await Promise.all([expect(call).rejects.toBe(gone), expect(next).rejects.toBe(gone)]);
  await Promise.all([disposal, release]);
  expect(workers.map(({ worker }) => worker.terminated)).toEqual([true]);
});

test('a dispose during the start ends it', async () => {
  const host = makeHost({ loading: () => deferred<void>().promise });
  const start = host.start();
  await expect.poll(() => workers.length).toBe(1);
  await host.dispose(gone);
  await expect(start).rejects.toBe(gone);
  expect(workers[0]!.worker.terminated).toBe(true);
});

test('a worker that does not answer for a minute after its files are there counts as dead', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const host = makeHost({ handshake: () => deferred<void>().promise });
  const start = host.start();
  start.catch(() => {});
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
  vi.advanceTimersByTime(59_000);
  expect(workers[0]!.worker.terminated).toBe(false);
  vi.advanceTimersByTime(2_000);
  await expect(start).rejects.toMatchObject({
    code: 'WORKER_CRASHED',
    message: expect.stringContaining('did not answer'),
  });
});
