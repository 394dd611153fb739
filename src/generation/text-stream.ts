import type { GrowingList } from '../utils/growing-list.js';
import type { GenerationResult, GenerationStats } from '../workers/decoder/api.js';

/**
 * Text as it is generated. Generation starts at once; iterating (any number of times, always from the beginning),
 * `text()`, `stats` and `tokenIds` may all be used. Each rejects if the generation fails or is aborted. Leaving a loop over
 * it does not end it; the signal does.
 */
export interface TextStream extends AsyncIterable<string> {
  /** The whole text, once it has ended. */
  text(): Promise<string>;
  readonly stats: Promise<GenerationStats>;
  /** Ids of the generated tokens, without the end token. */
  readonly tokenIds: Promise<number[]>;
}

/** @param chunks of text that are being generated */
export function textStreamOf(chunks: GrowingList<string, GenerationResult>): TextStream {
  return {
    [Symbol.asyncIterator]: () => chunks[Symbol.asyncIterator](),
    async text() {
      await chunks.result;
      return chunks.items.join('');
    },
    get stats() {
      return chunks.result.then(({ stats }) => stats);
    },
    get tokenIds() {
      return chunks.result.then(({ tokenIds }) => tokenIds);
    },
  };
}
