import { deferred } from './deferred.js';

/**
 * Cuts promises short together. Unlike a race against one long-lived promise it keeps nothing of those that have
 * settled: such a race would hold every result for as long as that promise lives.
 */
export class Fuse {
  readonly #pending = new Set<(reason: unknown) => void>();
  #blown: { reason: unknown } | undefined;

  get isBlown(): boolean {
    return this.#blown !== undefined;
  }

  /** Settles as `promise` does, or rejects once the fuse blows; at once if it has. */
  guard<T>(promise: Promise<T>): Promise<T> {
    if (this.#blown) {
      promise.catch(() => {});
      return Promise.reject(this.#blown.reason);
    }
    const { promise: guarded, resolve, reject } = deferred<T>();
    this.#pending.add(reject);
    promise.then(resolve, reject).finally(() => this.#pending.delete(reject));
    return guarded;
  }

  /** Rejects everything guarded, now and later. Only the first reason counts. */
  blow(reason: unknown): void {
    if (this.#blown) return;
    this.#blown = { reason };
    for (const reject of this.#pending) reject(reason);
    this.#pending.clear();
  }
}
