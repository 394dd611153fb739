import { GmsaError } from '../errors.js';
import { DEFAULT_NEW_TOKENS } from '../segments/window.js';
import type {
  AnswerSettings,
  GenerationSettings,
  RestorationSettings,
  Sampling,
} from '../workers/decoder/api.js';
import { isWatched, type WatchOptions } from './token-watch.js';

/** Named as in transformers.js, in camel case. Greedy unless something asks for sampling. */
export interface GenerateOptions extends WatchOptions {
  signal?: AbortSignal;
  /** Default 64; for `restore` it counts per segment, and its default is the segment's tokens and 16 more. */
  maxNewTokens?: number;
  /** Draws tokens by chance. Default: true if any of `temperature`, `topK`, `topP` and `seed` is given. */
  doSample?: boolean;
  /** Below 1 likely tokens become likelier, above 1 less so. 0 is greedy. Default 1. */
  temperature?: number;
  /** Draws among so many of the likeliest tokens; 0: among all. Default 50. */
  topK?: number;
  /** Draws among the fewest likeliest tokens whose probabilities reach this sum. Default 1. */
  topP?: number;
  /** Above 1 makes tokens of the question and of the text so far less likely. Default 1. */
  repetitionPenalty?: number;
  /** An integer; the same one gives the same text, on one device. Default: another one each time. */
  seed?: number;
}

/** What `askFullText` takes. */
export interface AnswerOptions extends GenerateOptions {
  /** Keeps the answer from ending earlier; for benchmarks, which need answers of one length. Default 0. */
  minNewTokens?: number;
}

export interface AskOptions extends AnswerOptions {
  /**
   * Whether the model also reads words of the text as they stand, those that the question points to. A number: at most so
   * many tokens of them. Default 'auto': as many as the model was trained for, and a short text as a whole. False, or 0:
   * soft tokens alone.
   */
  quotes?: 'auto' | false | number;
}

/**
 * @param window positions of the decoder
 * @throws GmsaError `BAD_INPUT`
 */
export function askSettings(options: AskOptions, window: number): AnswerSettings {
  const { quotes = 'auto' } = options;
  const isTokens = Number.isSafeInteger(quotes) && (quotes as number) >= 0 && (quotes as number) <= window;
  if (quotes !== 'auto' && quotes !== false && !isTokens) {
    throw new GmsaError(
      'BAD_INPUT',
      `quotes is ${String(quotes)}.`,
      `Pass 'auto', false, or a number of tokens: an integer from 0 to the window's ${window}.`,
    );
  }
  const settings = answerSettings(options);
  return quotes === false ? settings : { ...settings, quotes };
}

/** @throws GmsaError `BAD_INPUT` */
export function answerSettings(options: AnswerOptions): GenerationSettings {
  const { minNewTokens = 0, maxNewTokens = DEFAULT_NEW_TOKENS } = options;
  const settings = restorationSettings({ ...options, maxNewTokens });
  if (!(Number.isSafeInteger(minNewTokens) && minNewTokens >= 0 && minNewTokens <= maxNewTokens)) {
    throw new GmsaError(
      'BAD_INPUT',
      `minNewTokens is ${minNewTokens}, and maxNewTokens is ${maxNewTokens}.`,
      'Pass an integer from 0 to maxNewTokens, or leave it out.',
    );
  }
  return { ...settings, minNewTokens, maxNewTokens };
}

/** @throws GmsaError `BAD_INPUT` */
export function restorationSettings(options: GenerateOptions): RestorationSettings {
  const { maxNewTokens, repetitionPenalty } = options;
  const sampling = samplingOf(options);
  check('maxNewTokens', maxNewTokens, (value) => isInteger(value) && value > 0, 'a positive integer');
  check(
    'repetitionPenalty',
    repetitionPenalty,
    (value) => value > 0 && Number.isFinite(value),
    'a number above 0',
  );
  return {
    minNewTokens: 0,
    isWatched: isWatched(options),
    ...(maxNewTokens === undefined ? {} : { maxNewTokens }),
    ...(repetitionPenalty === undefined ? {} : { repetitionPenalty }),
    ...(sampling ? { sampling } : {}),
  };
}

function samplingOf({ doSample, temperature, topK, topP, seed }: GenerateOptions): Sampling | undefined {
  check('temperature', temperature, (value) => value >= 0 && Number.isFinite(value), 'a number, 0 or above');
  check('topK', topK, (value) => isInteger(value) && value >= 0, 'an integer, 0 or above');
  check('topP', topP, (value) => value > 0 && value <= 1, 'a number above 0, up to 1');
  check('seed', seed, isInteger, 'an integer');
  const isAsked = [temperature, topK, topP, seed].some((value) => value !== undefined);
  if (!(doSample ?? isAsked) || temperature === 0) return undefined;
  return {
    temperature: temperature ?? 1,
    topK: topK ?? 50,
    topP: topP ?? 1,
    ...(seed === undefined ? {} : { seed }),
  };
}

const isInteger = (value: unknown) => Number.isSafeInteger(value);

function check(
  name: string,
  value: number | undefined,
  isRight: (value: number) => boolean,
  what: string,
): void {
  if (value === undefined || (typeof value === 'number' && isRight(value))) return;
  throw new GmsaError('BAD_INPUT', `${name} is ${String(value)}.`, `Pass ${what}, or leave it out.`);
}
