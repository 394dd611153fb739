// ONNX Runtime must not be entered twice: two calls at once (create, run, release) hang it or corrupt its heap.
import { deferred } from '../deferred.js';

/** Runs one task at a time, in order. A failed task leaves the queue usable. */
export class OrtQueue {
  #tail: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  readonly #closed = deferred<never>();

  constructor() {
    this.#closed.promise.catch(() => {}); // the tasks report it
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(() => (this.#isClosed ? this.#closed.promise : task()));
    // Once closed, a call inside ONNX Runtime may never settle: do not wait for it.
    const settled = Promise.race([result, this.#closed.promise]);
    this.#tail = settled.catch(() => {});
    result.catch(() => {});
    return settled;
  }

  /** Every waiting and later task rejects with `reason`, and the one that is running too: its device is gone. */
  close(reason: unknown): void {
    this.#isClosed = true;
    this.#closed.reject(reason);
  }
}
