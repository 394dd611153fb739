// Compressing a text: what callers ask for, and what they hold while it runs.

import { GmsaError } from '../errors.js';
import type { GrowingList } from '../utils/growing-list.js';
import type { CompressionTarget } from '../workers/compressor/api.js';
import type { CompressedContext } from './compressed-context.js';
import type { CompressProgress } from './context-assembly.js';
import type { CompressedSegment, ContextData } from './context-data.js';

export interface CompressOptions {
  /** Tokens merged into one soft token; one of the trained rates. Default: the model's own. */
  rate?: number;
  /**
   * Instead of a rate: the most soft tokens that the text may become. It is compressed at the lowest rate that fits;
   * what is left of the number goes to the segments that the decoder would restore worst, which get the next lower rate
   * (docs/formats/context-file.md). To find them it scores all segments, a prefill of soft tokens and text each, in turn with
   * questions; so segments are handed out, and prefilled, at the end. Where no segment's lower rate fits, none of this.
   */
  targetTokens?: number;
  signal?: AbortSignal;
  onProgress?: (progress: CompressProgress) => void;
  /**
   * Default true: the decoder prefills each segment while the next ones are compressed, so that the first question need
   * not wait for it. False saves that work for a text that is only stored.
   */
  prefill?: boolean;
}

/** `update` keeps to the context's rate or number of soft tokens. */
export type UpdateOptions = Omit<CompressOptions, 'rate' | 'targetTokens'>;

/**
 * How far to compress, from what the caller asked for.
 * @throws GmsaError `BAD_RATE`; `BAD_INPUT` for both, or for a number of soft tokens that is none
 */
export function compressionTarget(
  { rate, targetTokens }: { rate?: number; targetTokens?: number },
  { rates, defaultRate }: { rates: readonly number[]; defaultRate: number },
): CompressionTarget {
  if (targetTokens === undefined) {
    const wanted = rate ?? defaultRate;
    if (rates.includes(wanted)) return { rate: wanted };
    throw new GmsaError(
      'BAD_RATE',
      `The model was not trained for a rate of ${wanted}.`,
      `Use one of its trained rates: ${rates.join(', ')}.`,
    );
  }
  if (rate !== undefined) {
    throw new GmsaError(
      'BAD_INPUT',
      `Both rate (${rate}) and targetTokens (${targetTokens}) are given.`,
      'Pass one of them. With targetTokens, the rate follows from it.',
    );
  }
  if (Number.isSafeInteger(targetTokens) && targetTokens > 0) return { targetTokens };
  throw new GmsaError(
    'BAD_INPUT',
    `targetTokens is ${targetTokens}.`,
    'Pass the largest number of soft tokens that the text may become: a positive integer.',
  );
}

/** What a context was compressed to. */
export function targetOf({ targetTokens, segments }: ContextData): { rate?: number; targetTokens?: number } {
  return targetTokens === undefined ? { rate: segments[0]!.rate } : { targetTokens };
}

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
