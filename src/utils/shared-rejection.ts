import { deferred } from './deferred.js';

/**
 * Rejects many promises at once. Unlike a race against one long-lived promise it keeps nothing of those that have
 * settled: such a race would hold every result for as long as that promise lives.
 */
export class SharedRejection {
  readonly #pending = new Set<(reason: unknown) => void>();
  #rejected: { reason: unknown } | undefined;

  get isRejected(): boolean {
    return this.#rejected !== undefined;
  }

  /** Settles as `promise` does, or rejects as soon as `reject` is called; at once if it was. */
  guard<T>(promise: Promise<T>): Promise<T> {
    if (this.#rejected) {
      promise.catch(() => {});
      return Promise.reject(this.#rejected.reason);
    }
    const { promise: guarded, resolve, reject } = deferred<T>();
    this.#pending.add(reject);
    promise.then(resolve, reject).finally(() => this.#pending.delete(reject));
    return guarded;
  }

  /** Rejects everything guarded, now and later. Only the first reason counts. */
  reject(reason: unknown): void {
    if (this.#rejected) return;
    this.#rejected = { reason };
    for (const reject of this.#pending) reject(reason);
    this.#pending.clear();
  }
}
