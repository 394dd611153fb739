// What a caller's own code sees of the tokens, on the page: functions do not cross to workers, so the decoder tells each
// token and waits for the word to go on.
import { GmsaError } from '../errors.js';

/**
 * Looks at the tokens of the prompt and those generated, `[ids]`, after each one, and says whether to stop there: a
 * StoppingCriteria of transformers.js, its list, or a function. There are no scores: the logits stay with the decoder.
 */
export type StoppingCriterion = (inputIds: number[][], scores: number[][]) => boolean[] | boolean;

/** A streamer of transformers.js, such as TextStreamer. */
export interface TokenStreamer {
  /** Gets the prompt's tokens first, then each token, without the end token. Soft tokens have no ids. */
  put(value: bigint[][]): void;
  /** Called when the text has ended, not after an abort or an error. */
  end(): void;
}

export interface WatchOptions {
  /** Ends the text behind the token at which one of them says so. Called on the page's thread. */
  stoppingCriteria?: StoppingCriterion | Iterable<StoppingCriterion>;
  /** Gets the tokens beside the stream's own text. Called on the page's thread. */
  streamer?: TokenStreamer;
}

export const isWatched = ({ stoppingCriteria, streamer }: WatchOptions): boolean =>
  stoppingCriteria != null || streamer != null;

const isFunction = (value: unknown): value is StoppingCriterion => typeof value === 'function';

export interface TokenWatch {
  onPrompt(ids: readonly number[]): void;
  /** Whether to stop. @throws GmsaError `BAD_INPUT` for a criterion that does not say so at once */
  onToken(id: number): boolean;
  onEnd(): void;
}

/** @throws GmsaError `BAD_INPUT` */
export function watchTokens({ stoppingCriteria, streamer }: WatchOptions): TokenWatch {
  const given = stoppingCriteria ?? [];
  const criteria = typeof given !== 'function' && Symbol.iterator in Object(given) ? [...given] : [given];
  if (![...criteria, ...(streamer ? [streamer.put, streamer.end] : [])].every(isFunction)) {
    throw new GmsaError(
      'BAD_INPUT',
      'A stopping criterion, or the put or end of the streamer, is not a function.',
      'Pass functions, and a streamer with put and end.',
    );
  }
  const inputIds: number[] = [];
  const put = (ids: readonly number[]) => {
    inputIds.push(...ids);
    streamer?.put([ids.map(BigInt)]);
  };
  return {
    onPrompt: put,
    onToken: (id) => {
      put([id]);
      const verdicts = (criteria as StoppingCriterion[]).flatMap((criterion) =>
        criterion([inputIds.slice()], []),
      );
      if (verdicts.some((verdict) => typeof Object(verdict).then === 'function')) {
        throw new GmsaError(
          'BAD_INPUT',
          'A stopping criterion returned a promise.',
          'Return true or false, without waiting.',
        );
      }
      return verdicts.some(Boolean);
    },
    onEnd: () => streamer?.end(),
  };
}
