import { deferred } from './deferred.js';

/**
 * A list that is read while it grows: iterating (any number of times, always from the beginning) waits for further items,
 * and ends or rejects as the work does that `endWith` was given.
 */
export class GrowingList<T, R> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  readonly #result = deferred<R>();
  #hasEnded = false;
  #change = deferred<void>();

  constructor() {
    this.result.catch(() => {}); // whoever looks gets the error; nobody need look
  }

  get items(): readonly T[] {
    return this.#items;
  }

  /** What the work gave in the end. */
  get result(): Promise<R> {
    return this.#result.promise;
  }

  readonly push = (item: T): void => {
    this.#items.push(item);
    this.#wake();
  };

  /** @param work that pushes the items; once it has settled there are no more */
  endWith(work: Promise<R>): void {
    const end = () => {
      this.#hasEnded = true;
      this.#wake();
    };
    this.#result.resolve(work.finally(end));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (let next = 0; ; ) {
      while (next < this.#items.length) yield this.#items[next++]!;
      if (this.#hasEnded) break;
      await this.#change.promise;
    }
    await this.result;
  }

  #wake(): void {
    this.#change.resolve();
    this.#change = deferred<void>();
  }
}
