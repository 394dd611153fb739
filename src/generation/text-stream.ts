import type { GrowingList } from '../utils/growing-list.js';
import type {
  AnswerResult,
  AnswerSupport,
  GenerationResult,
  GenerationStats,
  Quote,
} from '../workers/decoder/api.js';

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

/** An answer as it is generated, and what it rests on. */
export interface AnswerStream extends TextStream {
  /** What the model read of the text as it stands, in its order; empty where it read soft tokens alone. */
  readonly quotes: Promise<Quote[]>;
  /**
   * Whether the answer, and each number and name in it, stands in the text word for word, also where it was read from soft
   * tokens. Undefined for a context without its text.
   */
  readonly support: Promise<AnswerSupport | undefined>;
}

/** @param chunks of an answer that is being generated */
export function answerStreamOf(chunks: GrowingList<string, AnswerResult>): AnswerStream {
  return Object.defineProperties(textStreamOf(chunks), {
    quotes: { get: () => chunks.result.then(({ quotes }) => quotes), enumerable: true },
    support: { get: () => chunks.result.then(({ support }) => support), enumerable: true },
  }) as AnswerStream;
}

/** @param chunks of text that are being generated */
export function textStreamOf<R extends GenerationResult>(chunks: GrowingList<string, R>): TextStream {
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
