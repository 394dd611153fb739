// Page side of one worker: starts it when it is needed, sees it end, and starts it anew from the same files. What a
// worker held is lost with it; the page keeps what matters (files, soft tokens) and sends it again.
import { type Remote, releaseProxy, wrap } from 'comlink';
import './error-transfer.js';
import { GmsaError, type GmsaErrorCode } from '../errors.js';
import type { SessionEvent, WorkerApi, WorkerName } from '../protocol.js';
import { Fuse } from '../utils/fuse.js';
import { unlessAborted } from '../utils/unless-aborted.js';
import { runJob } from './job.js';

/** How long the end of a worker waits for it to release what it holds. */
const RELEASE_WAIT_MS = 2000;
/** A script that cannot be had is an error event; one that runs answers as soon as it is there. */
const HELLO_WAIT_MS = 60_000;
/** After these a worker is of no more use. */
const ENDING: readonly GmsaErrorCode[] = ['DEVICE_LOST', 'OUT_OF_MEMORY', 'WORKER_CRASHED'];

export interface HostOptions<Setup> {
  /** Which of the worker's interfaces is meant. */
  name: WorkerName;
  /** Makes a fresh worker, which the host takes over. */
  start: (name: WorkerName) => Worker;
  /** What the worker loads. Called at every start: it is to keep what it downloads. */
  setup: (signal: AbortSignal) => Promise<Setup>;
  onSession?: (event: SessionEvent) => void;
}

/** One worker from its start to its end. */
interface Life<Api> {
  worker: Worker;
  /** comlink's proxy; its calls do not settle once the worker is gone. */
  remote: Api;
  /** Lets go of those calls: comlink would keep them, and all that waits for them, for as long as the page lives. */
  forget: () => void;
  /** Blows when the worker is gone. */
  fuse: Fuse;
  ready: Promise<void>;
  isReady: boolean;
  /** Calls waiting for the start or running. */
  users: Set<Promise<unknown>>;
  /** Stops what the start waits for. */
  stop: AbortController;
  ending?: Promise<void>;
}

export class WorkerHost<Setup, Api extends WorkerApi<Setup>> {
  readonly #options: HostOptions<Setup>;
  #life: Life<Api> | undefined;
  /** Until no earlier worker holds memory any more. */
  #leaving: Promise<unknown> | undefined;
  /** Workers that are yet to finish their calls, and the current one. */
  readonly #alive = new Set<Life<Api>>();
  #disposed: GmsaError | undefined;

  constructor(options: HostOptions<Setup>) {
    this.#options = options;
  }

  /**
   * Starts the worker unless it runs. A start that fails is tried again by the next call; one that is aborted goes on
   * while other calls wait for it.
   * @throws GmsaError what `setup` and the worker's loading throw, `WORKER_CRASHED`; the signal's reason
   */
  start(signal?: AbortSignal): Promise<void> {
    return this.#use(async () => {}, signal);
  }

  /** One call: its events come in order and before its result. Starts the worker where it does not run. */
  run<E, R>(
    call: (remote: Api, port: MessagePort) => Promise<R>,
    onEvent: (event: E) => unknown,
    signal?: AbortSignal,
  ): Promise<R> {
    return this.#use(
      (life) => runJob<E, R>((port) => this.#answer(life, call(life.remote, port)), onEvent, signal),
      signal,
    );
  }

  /**
   * A call that may be lost: made only where the worker runs. What fails in it shows, or is made good, in a later call.
   * Calls of both kinds reach the worker in the order in which they are made.
   */
  tell(call: (remote: Api) => Promise<unknown>): void {
    if (this.#life) this.#use((life) => this.#answer(life, call(life.remote)), undefined).catch(() => {});
  }

  /** Ends the worker and frees its memory, once the calls under way have settled. The next call starts it again. */
  async release(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    if (life) {
      const ended = Promise.allSettled(life.users).then(() => this.#end(life, this.#gone('was released')));
      const leaving = Promise.all([this.#leaving, ended]).then(() => {
        if (this.#leaving === leaving) this.#leaving = undefined;
      });
      this.#leaving = leaving;
    }
    await this.#leaving;
  }

  /** Ends the worker for good. Calls under way and later ones reject with `error`. */
  async dispose(error: GmsaError): Promise<void> {
    this.#disposed ??= error;
    await Promise.all([this.#leaving, ...[...this.#alive].map((life) => this.#end(life, error))]);
  }

  async #use<R>(call: (life: Life<Api>) => Promise<R>, signal: AbortSignal | undefined): Promise<R> {
    signal?.throwIfAborted();
    if (this.#leaving) await unlessAborted(this.#leaving, signal);
    if (this.#disposed) throw this.#disposed;
    this.#life ??= this.#begin();
    const life = this.#life;
    const use = this.#call(life, call, signal);
    life.users.add(use);
    try {
      return await use;
    } finally {
      life.users.delete(use);
      // Nobody waits for this start any more.
      if (life.users.size === 0 && !life.isReady) this.#lose(life, signal?.reason);
    }
  }

  async #call<R>(
    life: Life<Api>,
    call: (life: Life<Api>) => Promise<R>,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    if (!life.isReady) await unlessAborted(life.ready, signal);
    return call(life);
  }

  /**
   * Waits for what the worker answers. Only such a failure can end it: a listener's error and a signal's reason may be
   * those of another worker.
   */
  async #answer<R>(life: Life<Api>, answer: Promise<R>): Promise<R> {
    try {
      return await life.fuse.guard(answer);
    } catch (error) {
      if (error instanceof GmsaError && ENDING.includes(error.code)) this.#lose(life, error);
      throw error;
    }
  }

  #begin(): Life<Api> {
    const { name, start } = this.#options;
    let worker: Worker;
    try {
      worker = start(name);
      if (typeof worker?.postMessage !== 'function') throw new TypeError('what was given is no Worker');
    } catch (error) {
      throw new GmsaError(
        'UNSUPPORTED',
        `The ${name} worker could not be started: ${error instanceof Error ? error.message : error}`,
        'Start it yourself (option worker), from a script of the page’s own origin that its CSP allows (worker-src).',
        { cause: error },
      );
    }
    const proxy = wrap<Record<WorkerName, Api>>(worker)[name] as unknown as Remote<Api>;
    const life: Life<Api> = {
      worker,
      remote: proxy as unknown as Api,
      forget: () => proxy[releaseProxy](),
      fuse: new Fuse(),
      ready: Promise.resolve(),
      isReady: false,
      users: new Set(),
      stop: new AbortController(),
    };
    this.#alive.add(life);
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.#lose(life, this.#gone(`stopped: ${event.message || 'its script could not be run'}`));
    });
    worker.addEventListener('messageerror', () => {
      this.#lose(life, this.#gone('sent or got a message that could not be read'));
    });
    life.ready = this.#load(life);
    life.ready.catch((error: unknown) => this.#lose(life, error));
    return life;
  }

  async #load(life: Life<Api>): Promise<void> {
    const { fuse, stop, remote } = life;
    const { setup, onSession = () => {} } = this.#options;
    const what = await fuse.guard(setup(stop.signal));
    await this.#greet(life);
    await runJob<SessionEvent, void>((port) => fuse.guard(remote.load(what, port)), onSession, stop.signal);
    life.isReady = true;
    remote.failure().catch((error: unknown) => this.#lose(life, error));
  }

  /** Waits for a sign of life, and from then on for the end: some workers die without any event. */
  async #greet(life: Life<Api>): Promise<void> {
    const lock = `gmsa-web ${this.#options.name} ${performance.timeOrigin} ${Math.random()}`;
    const silence = setTimeout(
      () => this.#lose(life, this.#gone(`did not answer for ${HELLO_WAIT_MS / 1000} s`)),
      HELLO_WAIT_MS,
    );
    try {
      await life.fuse.guard(life.remote.hello(lock));
    } finally {
      clearTimeout(silence);
    }
    const locks = globalThis.navigator?.locks as LockManager | undefined; // secure contexts alone have it
    locks?.request(lock, () => this.#lose(life, this.#gone('ended without a word'))).catch(() => {});
  }

  /** The worker is gone, or is to be: whoever waits for it hears why. */
  #lose(life: Life<Api>, error: unknown): void {
    if (!this.#alive.delete(life)) return;
    if (this.#life === life) this.#life = undefined;
    life.fuse.blow(error);
    life.stop.abort(error);
    life.forget();
    life.worker.terminate();
  }

  /** Lets the worker release what it holds, then ends it. */
  #end(life: Life<Api>, error: GmsaError): Promise<void> {
    life.ending ??= this.#finish(life, error);
    return life.ending;
  }

  async #finish(life: Life<Api>, error: GmsaError): Promise<void> {
    life.fuse.blow(error);
    if (life.isReady && this.#alive.has(life)) {
      const released = life.remote.dispose().catch(() => {});
      await Promise.race([released, new Promise((resolve) => setTimeout(resolve, RELEASE_WAIT_MS))]);
    }
    this.#lose(life, error);
  }

  #gone(what: string): GmsaError {
    return new GmsaError(
      'WORKER_CRASHED',
      `The ${this.#options.name} worker ${what}.`,
      'Call again: the worker starts anew from the files already downloaded.',
    );
  }
}
