import { deferred } from './deferred.js';
import type { GenerationResult, GenerationStats } from './protocol.js';

/**
 * Text as it is generated. Generation starts at once; iterating (any number of times, always from the beginning),
 * `text()`, `stats` and `tokenIds` may all be used. Each rejects if the generation fails or is aborted.
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
  const pieces: string[] = [];
  let wake = deferred<void>();
  let ended = false;
  const tell = () => {
    wake.resolve();
    wake = deferred<void>();
  };
  const result = generate((piece) => {
    pieces.push(piece);
    tell();
  }).finally(() => {
    ended = true;
    tell();
  });
  result.catch(() => {}); // whoever looks at the stream gets the error; nobody need look

  return {
    async *[Symbol.asyncIterator]() {
      for (let next = 0; ; ) {
        while (next < pieces.length) yield pieces[next++]!;
        if (ended) break;
        await wake.promise;
      }
      await result;
    },
    async text() {
      await result;
      return pieces.join('');
    },
    get stats() {
      return result.then(({ stats }) => stats);
    },
    get tokenIds() {
      return result.then(({ tokenIds }) => tokenIds);
    },
  };
}
