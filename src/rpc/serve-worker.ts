// Worker side of a worker host: what both workers answer alike. A worker is loaded once in its life.
import './error-transfer.js';
import { GmsaError, toGmsaError } from '../errors.js';
import { deferred } from '../utils/deferred.js';
import { type Job, serveJob } from './job.js';
import type { SessionEvent, WorkerApi } from './worker-api.js';

/** How long an error without an explanation waits for one. */
const FAILURE_WAIT_MS = 500;

interface Loaded {
  /** Rejects once nothing can be run any more. */
  readonly failure: Promise<never>;
  dispose(): Promise<void>;
}

interface Serving<Setup, T> {
  /** The part of the worker's interface that its host needs. */
  lifecycle: WorkerApi<Setup>;
  /** Undefined before it is loaded and once it is disposed. */
  loaded(): T | undefined;
  /** One call that reports over a port; what it throws gets a code. */
  run<E, R>(port: MessagePort, doing: string, work: (loaded: T, job: Job<E>) => Promise<R>): Promise<R>;
}

/** @param create makes what the worker serves */
export function serveWorker<Setup, T extends Loaded>(
  name: string,
  create: (setup: Setup, onSession: (name: string) => void) => Promise<T>,
): Serving<Setup, T> {
  let loaded: T | undefined;
  const ended = deferred<void>();
  return {
    lifecycle: {
      handshake: (lock) => hold(lock, ended.promise),
      load: (setup, port) =>
        serveJob<SessionEvent, void>(port, async (job) => {
          loaded = await create(setup, (session) => job.emit({ name: session }));
        }).catch((error: unknown) => {
          throw toGmsaError(error, `loading the ${name}`);
        }),
      failure: async () => loaded!.failure,
      dispose: async () => {
        await loaded?.dispose();
        loaded = undefined;
        ended.resolve();
      },
    },
    loaded: () => loaded,
    run: <E, R>(port: MessagePort, doing: string, work: (loaded: T, job: Job<E>) => Promise<R>) =>
      serveJob<E, R>(port, async (job) => {
        if (!loaded)
          throw new GmsaError('DISPOSED', `The ${name} has been disposed.`, 'Load the model again.');
        return work(loaded, job);
      }).catch(async (error: unknown) => {
        throw await explained(error, doing, loaded?.failure);
      }),
  };
}

/** A lost device makes calls fail, sometimes before WebGPU says that it is lost. */
async function explained(
  error: unknown,
  doing: string,
  failure: Promise<never> | undefined,
): Promise<unknown> {
  const known = toGmsaError(error, doing);
  if (!failure || !(known instanceof GmsaError) || known.code !== 'INTERNAL') return known;
  const wait = new Promise<undefined>((resolve) => setTimeout(resolve, FAILURE_WAIT_MS));
  return (await Promise.race([failure.catch((reason: unknown) => reason), wait])) ?? known;
}

/**
 * Takes a lock, which the browser gives back when this worker is gone, however it went: its host hears of it. Resolves
 * once it is held, or cannot be.
 */
async function hold(lock: string, ended: Promise<void>): Promise<void> {
  const locks = globalThis.navigator?.locks as LockManager | undefined; // secure contexts alone have it
  if (!locks) return;
  const { promise: held, resolve } = deferred<void>();
  locks
    .request(lock, () => {
      resolve();
      return ended;
    })
    .catch(() => resolve()); // an opaque origin may not
  await held;
}
