import type { GrowingList } from '../utils/growing-list.js';
import type { CompressedContext } from './compressed-context.js';
import type { CompressedSegment } from './context-data.js';

/**
 * A text as it is compressed. Compression starts at once; awaiting it gives the context, iterating (any number of
 * times, always from the beginning) its segments as they are finished. Both reject if it fails or is aborted. `ask`
 * and `restore` take it while it runs.
 */
export interface Compression extends Promise<CompressedContext>, AsyncIterable<CompressedSegment> {}

const contexts = new WeakMap<Compression, Promise<CompressedContext>>();

/** @param segments that are being compressed */
export function compressionOf(segments: GrowingList<CompressedSegment, CompressedContext>): Compression {
  const { result } = segments;
  const compression: Compression = {
    // biome-ignore lint/suspicious/noThenProperty: a promise with segments
    then: (...handlers) => result.then(...handlers),
    catch: (handler) => result.catch(handler),
    finally: (handler) => result.finally(handler),
    [Symbol.asyncIterator]: () => segments[Symbol.asyncIterator](),
    [Symbol.toStringTag]: 'Compression',
  };
  contexts.set(compression, result);
  return compression;
}

/**
 * What to await for the context. One that is ready takes as many turns whichever it comes from, a compression or a
 * context itself, so that questions keep their order.
 */
export function contextOf<C>(target: C | Compression): C | Promise<C> {
  const context = contexts.get(target as Compression) as Promise<C> | undefined;
  return context ?? (target as C);
}
