// Page side of one worker. comlink never settles a call to a worker that has died; this does.
import { type Remote, wrap } from 'comlink';
import { deferred } from './deferred.js';
import './error-transfer.js';
import { GmsaError } from './errors.js';

export class WorkerHandle<Api> {
  readonly remote: Remote<Api>;
  readonly #worker: Worker;
  readonly #ended = deferred<never>();

  /** Takes the worker over: `terminate` ends it. */
  constructor(worker: Worker, name: string) {
    this.#worker = worker;
    this.remote = wrap<Api>(worker);
    this.#ended.promise.catch(() => {}); // calls in flight report it
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.#end(
        'WORKER_CRASHED',
        `The ${name} worker stopped: ${event.message || 'its script could not be run'}.`,
      );
    });
    worker.addEventListener('messageerror', () => {
      this.#end('WORKER_CRASHED', `A message to or from the ${name} worker could not be read.`);
    });
  }

  /** Settles as `call` does, or rejects once the worker is gone. */
  guard<R>(call: Promise<R>): Promise<R> {
    return Promise.race([call, this.#ended.promise]);
  }

  /** Ends the worker; calls in flight reject with `error`. */
  terminate(error: GmsaError): void {
    this.#ended.reject(error);
    this.#worker.terminate();
  }

  #end(code: 'WORKER_CRASHED', message: string): void {
    this.terminate(new GmsaError(code, message, 'Load the model again with Gmsa.load().'));
  }
}
