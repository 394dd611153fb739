// ONNX Runtime must not be entered twice: two calls at once (create, run, release) hang it or corrupt its heap.
import { deferred } from '../../utils/deferred.js';
import { SharedRejection } from '../../utils/shared-rejection.js';

/** Runs one task at a time, in order. A failed task leaves the queue usable. */
export class OrtQueue {
  #tail: Promise<unknown> = Promise.resolve();
  readonly #closed = new SharedRejection();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(() => (this.#closed.isRejected ? deferred<never>().promise : task()));
    // Once closed, a call inside ONNX Runtime may never settle: do not wait for it.
    const settled = this.#closed.guard(result);
    this.#tail = settled.then(
      () => {},
      () => {},
    );
    return settled;
  }

  /** Every waiting and later task rejects with `reason`, and the one that is running too: its device is gone. */
  close(reason: unknown): void {
    this.#closed.reject(reason);
  }
}
