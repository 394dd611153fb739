import { growingList } from '../utils/growing-list.js';
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

/** @param generate runs the generation, handing over pieces of text in order */
export function createTextStream(
  generate: (push: (piece: string) => void) => Promise<GenerationResult>,
): TextStream {
  const pieces = growingList(generate);
  return {
    [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator](),
    async text() {
      await pieces.result;
      return pieces.items.join('');
    },
    get stats() {
      return pieces.result.then(({ stats }) => stats);
    },
    get tokenIds() {
      return pieces.result.then(({ tokenIds }) => tokenIds);
    },
  };
}
