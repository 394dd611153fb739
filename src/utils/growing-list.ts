import { deferred } from './deferred.js';

/** Items as they come, and what there is in the end. */
export interface GrowingList<T, R> extends AsyncIterable<T> {
  readonly items: readonly T[];
  readonly result: Promise<R>;
}

/**
 * A list that fills while it is read: iterating (any number of times, always from the beginning) waits for further
 * items, ends when `fill` does, and rejects as it does.
 * @param fill starts at once, handing over items in order
 */
export function growingList<T, R>(fill: (push: (item: T) => void) => Promise<R>): GrowingList<T, R> {
  const items: T[] = [];
  let wake = deferred<void>();
  let ended = false;
  const tell = () => {
    wake.resolve();
    wake = deferred<void>();
  };
  const result = fill((item) => {
    items.push(item);
    tell();
  }).finally(() => {
    ended = true;
    tell();
  });
  result.catch(() => {}); // whoever looks gets the error; nobody need look

  return {
    items,
    result,
    async *[Symbol.asyncIterator]() {
      for (let next = 0; ; ) {
        while (next < items.length) yield items[next++]!;
        if (ended) break;
        await wake.promise;
      }
      await result;
    },
  };
}
