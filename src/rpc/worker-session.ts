// Page side of one worker, from its start to its end. Its calls reject when it ends, however it ends.
import { type Remote, releaseProxy, wrap } from 'comlink';
import { GmsaError, type GmsaErrorCode } from '../errors.js';
import { SharedRejection } from '../utils/shared-rejection.js';
import { unlessAborted } from '../utils/unless-aborted.js';
import './error-transfer.js';
import { runJob } from './job.js';
import type { SessionEvent, WorkerApi, WorkerName } from './worker-api.js';

/** How long the end of a worker waits for it to release what it holds. */
const RELEASE_WAIT_MS = 2000;
/** A script that cannot be loaded is an error event; one that runs answers as soon as it is there. */
const HANDSHAKE_WAIT_MS = 60_000;
/** After these errors a worker cannot be used any more. */
const FATAL: readonly GmsaErrorCode[] = ['DEVICE_LOST', 'OUT_OF_MEMORY', 'WORKER_CRASHED'];

export interface SessionOptions<Setup> {
  /** Which of the worker's interfaces is meant. */
  name: WorkerName;
  /** Makes a fresh worker, which the session takes over. */
  start: (name: WorkerName) => Worker;
  /** What the worker loads. */
  setup: (signal: AbortSignal) => Promise<Setup>;
  onSession?: (event: SessionEvent) => void;
}

export class WorkerSession<Setup, Api extends WorkerApi<Setup>> {
  /** comlink's proxy; its calls do not settle once the worker is gone, so `guard` them. */
  readonly remote: Api;
  /** Calls waiting for the start, or running. */
  readonly calls = new Set<Promise<unknown>>();
  readonly #options: SessionOptions<Setup>;
  readonly #onTerminated: () => void;
  readonly #worker: Worker;
  /** Lets go of the proxy's calls: comlink would keep them, and all that waits for them, as long as the page lives. */
  readonly #releaseProxy: () => void;
  readonly #end = new SharedRejection();
  /** Stops what the start waits for. */
  readonly #stop = new AbortController();
  readonly #ready: Promise<void>;
  #isReady = false;
  #closing: Promise<void> | undefined;

  /**
   * Starts the worker.
   * @param onTerminated called once, when the worker is gone
   * @throws GmsaError `UNSUPPORTED` if there is no worker to be had
   */
  constructor(options: SessionOptions<Setup>, onTerminated: () => void) {
    this.#options = options;
    this.#onTerminated = onTerminated;
    this.#worker = startedWorker(options);
    const proxy = wrap<Record<WorkerName, Api>>(this.#worker)[options.name] as unknown as Remote<Api>;
    this.remote = proxy as unknown as Api;
    this.#releaseProxy = () => proxy[releaseProxy]();
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.#crash(`stopped: ${event.message || 'its script could not be run'}`);
    });
    this.#worker.addEventListener('messageerror', () => {
      this.#crash('sent or received a message that could not be read');
    });
    this.#ready = this.#load();
    this.#ready.catch((error: unknown) => this.terminate(error));
  }

  /** Makes a call once the worker is ready. Where every call is aborted before that, the start is given up. */
  async use<R>(call: () => Promise<R>, signal: AbortSignal | undefined): Promise<R> {
    const use = this.#whenReady(call, signal);
    this.calls.add(use);
    try {
      return await use;
    } finally {
      this.calls.delete(use);
      if (this.calls.size === 0 && !this.#isReady) this.terminate(signal?.reason);
    }
  }

  /**
   * Waits for what the worker answers. Only such a failure can end it: a listener's error and a signal's reason may be
   * those of another worker.
   */
  async guard<R>(answer: Promise<R>): Promise<R> {
    try {
      return await this.#end.guard(answer);
    } catch (error) {
      if (error instanceof GmsaError && FATAL.includes(error.code)) this.terminate(error);
      throw error;
    }
  }

  /** Ends the worker at once. Calls under way and later ones reject with `error`. */
  terminate(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#onTerminated();
    this.#end.reject(error);
    this.#stop.abort(error);
    this.#releaseProxy();
    this.#worker.terminate();
  }

  /** Lets the worker release what it holds, then ends it. Calls reject with `error`. */
  close(error: GmsaError): Promise<void> {
    this.#closing ??= this.#close(error);
    return this.#closing;
  }

  async #close(error: GmsaError): Promise<void> {
    this.#end.reject(error);
    if (this.#isReady && !this.#stop.signal.aborted) {
      const released = this.remote.dispose().catch(() => {});
      await Promise.race([released, new Promise((resolve) => setTimeout(resolve, RELEASE_WAIT_MS))]);
    }
    this.terminate(error);
  }

  async #whenReady<R>(call: () => Promise<R>, signal: AbortSignal | undefined): Promise<R> {
    if (!this.#isReady) await unlessAborted(this.#ready, signal);
    return call();
  }

  async #load(): Promise<void> {
    const { setup, onSession = () => {} } = this.#options;
    const { signal } = this.#stop;
    const what = await this.#end.guard(setup(signal));
    await this.#handshake();
    const load = (port: MessagePort) => this.#end.guard(this.remote.load(what, port));
    await runJob<SessionEvent, void>(load, onSession, signal);
    this.#isReady = true;
    this.remote.failure().catch((error: unknown) => this.terminate(error));
  }

  /** Waits for the worker's first answer, and from then on for its end: some workers die without any event. */
  async #handshake(): Promise<void> {
    const lock = `gmsa-web ${this.#options.name} ${performance.timeOrigin} ${Math.random()}`;
    const silence = setTimeout(
      () => this.#crash(`did not answer for ${HANDSHAKE_WAIT_MS / 1000} s`),
      HANDSHAKE_WAIT_MS,
    );
    try {
      await this.#end.guard(this.remote.handshake(lock));
    } finally {
      clearTimeout(silence);
    }
    const locks = globalThis.navigator?.locks as LockManager | undefined; // secure contexts alone have it
    locks?.request(lock, () => this.#crash('ended without an error')).catch(() => {});
  }

  #crash(what: string): void {
    this.terminate(workerGone(this.#options.name, what));
  }
}

/** @param what as in "stopped" or "was released" */
export function workerGone(name: WorkerName, what: string): GmsaError {
  return new GmsaError(
    'WORKER_CRASHED',
    `The ${name} worker ${what}.`,
    'Call again: the worker restarts from the files that are already downloaded.',
  );
}

function startedWorker({ name, start }: Pick<SessionOptions<never>, 'name' | 'start'>): Worker {
  try {
    const worker = start(name);
    if (typeof worker?.postMessage !== 'function') {
      throw new TypeError('the worker option did not return a Worker');
    }
    return worker;
  } catch (error) {
    throw new GmsaError(
      'UNSUPPORTED',
      `The ${name} worker could not be started: ${error instanceof Error ? error.message : error}`,
      'Start it yourself with the worker option, from a script on the page’s own origin that its CSP allows (worker-src).',
      { cause: error },
    );
  }
}
