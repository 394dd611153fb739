// Page side of a worker that is started when it is needed, and restarted from the same files after it has ended. What a
// worker held is lost with it; the page keeps what matters (files, soft tokens) and sends it again.
import type { GmsaError } from '../errors.js';
import { unlessAborted } from '../utils/unless-aborted.js';
import { runJob } from './job.js';
import type { WorkerApi } from './worker-api.js';
import { type SessionOptions, WorkerSession, workerGone } from './worker-session.js';

/** `setup` is called at every start: it has to keep what it downloads. */
export type HostOptions<Setup> = SessionOptions<Setup>;

export class WorkerHost<Setup, Api extends WorkerApi<Setup>> {
  readonly #options: HostOptions<Setup>;
  /** The one that takes calls. */
  #session: WorkerSession<Setup, Api> | undefined;
  /** It and those that are yet to finish their calls. */
  readonly #alive = new Set<WorkerSession<Setup, Api>>();
  /** Until no released worker holds memory any more. */
  #released: Promise<unknown> | undefined;
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
      (session) => runJob<E, R>((port) => session.guard(call(session.remote, port)), onEvent, signal),
      signal,
    );
  }

  /**
   * A call that may be lost: made only where the worker runs. What fails in it shows, or is made good, in a later call.
   * Calls of both kinds reach the worker in the order in which they are made.
   */
  notify(call: (remote: Api) => Promise<unknown>): void {
    if (!this.#session) return;
    this.#use((session) => session.guard(call(session.remote)), undefined).catch(() => {});
  }

  /** Ends the worker and frees its memory, once the calls under way have settled. The next call starts it again. */
  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session) {
      const ended = Promise.allSettled(session.calls).then(() =>
        session.close(workerGone(this.#options.name, 'was released')),
      );
      const released = Promise.all([this.#released, ended]).then(() => {
        if (this.#released === released) this.#released = undefined;
      });
      this.#released = released;
    }
    await this.#released;
  }

  /** Ends the worker for good. Calls under way and later ones reject with `error`. */
  async dispose(error: GmsaError): Promise<void> {
    this.#disposed ??= error;
    await Promise.all([this.#released, ...[...this.#alive].map((session) => session.close(error))]);
  }

  async #use<R>(
    call: (session: WorkerSession<Setup, Api>) => Promise<R>,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    signal?.throwIfAborted();
    if (this.#released) await unlessAborted(this.#released, signal);
    if (this.#disposed) throw this.#disposed;
    this.#session ??= this.#start();
    const session = this.#session;
    return session.use(() => call(session), signal);
  }

  #start(): WorkerSession<Setup, Api> {
    const session = new WorkerSession<Setup, Api>(this.#options, () => {
      this.#alive.delete(session);
      if (this.#session === session) this.#session = undefined;
    });
    this.#alive.add(session);
    return session;
  }
}
