// What the page and the decoder's worker say to each other.
import type { ReadingName } from '../../model-folder/model-config.js';
import type { TextRange } from '../../quotes/line-forms.js';
import type { AnswerSupport } from '../../quotes/support.js';
import type { WorkerApi } from '../../rpc/worker-api.js';
import type { DecoderSetup } from '../setup.js';
import type { ContextSegment, TokenisedSegment } from '../soft-tokens.js';

/** A segment and what it was made from. */
export interface ScoredSegment extends ContextSegment {
  text: string;
}

export interface ContextRequest {
  /** The same context has the same id; its KV cache and the index of its text are kept under it for a while. */
  contextId: number;
  rate: number;
  segments: ContextSegment[];
  /** Where the context holds it: for quotes and support. */
  text?: string;
}

/** How tokens are drawn. */
export interface Sampling {
  /** Above 0. */
  temperature: number;
  /** 0: all. */
  topK: number;
  topP: number;
  /** Unset: another one each time. */
  seed?: number;
}

/** How many tokens are generated, and which. */
export interface GenerationSettings {
  /** End tokens are passed over until there are so many tokens. */
  minNewTokens: number;
  /** The end token is not counted. */
  maxNewTokens: number;
  /** Unset: greedy. */
  sampling?: Sampling;
  /** Of tokens of the question and those generated. Unset: 1, none. */
  repetitionPenalty?: number;
  /** Whether the page is told each token, and decides whether to stop after it. */
  isWatched?: boolean;
}

/** `maxNewTokens` is per segment; unset: the segment's tokens and some more. */
export type RestorationSettings = Omit<GenerationSettings, 'maxNewTokens'> & { maxNewTokens?: number };

export interface AnswerSettings extends GenerationSettings {
  /** 'auto', or tokens that quotes may take. Unset: soft tokens alone. */
  quotes?: 'auto' | number;
}

/**
 * Words of the context's text that the model read as they stand. `start` and `end` are UTF-16 code units of that text: its
 * segments' texts, joined.
 */
export interface Quote extends TextRange {
  text: string;
  /** How well the question's words match, by BM25; comparable within one answer. */
  score: number;
  /** Where the answer stands in it: a place in the same text. */
  answer?: TextRange;
}

export type { AnswerSupport, ReadingName };

/**
 * Why quotes were not read: the context was saved without its text (`NO_TEXT`); a number of tokens was asked for, and the
 * model was not trained to read quotes (`NO_QUOTES`).
 */
export type Note = 'NO_TEXT' | 'NO_QUOTES';

/** Of one call; times in milliseconds. */
export interface GenerationStats {
  /**
   * Positions prefilled in this call: prefix, soft tokens, quotes and question, without those whose KV cache was reused. A
   * reading that gave no answer counts too.
   */
  promptTokens: number;
  /** What the text was read as. */
  reading: ReadingName;
  /** Soft tokens that were read. */
  softTokens: number;
  /** Tokens of the quotes that were read. */
  quotedTokens: number;
  /** What the caller may want to know about the reading. */
  notes: Note[];
  /** Tokens generated, without the end token. */
  newTokens: number;
  /** From the start of the work in the decoder to the first token. */
  msToFirstToken: number;
  /** Mean over the tokens after the first. */
  msPerToken: number;
  ms: number;
  /** Positions of prefix and soft tokens (if they were read) whose KV cache was there: kept, or prefilled while the text was compressed. */
  reusedTokens: number;
  /** Whether all of them were. */
  reusedContext: boolean;
  /** An end token, `maxNewTokens`, or `stoppingCriteria`. A restoration ended by `end` if all its segments did. */
  stoppedBy: 'end' | 'length' | 'criteria';
}

export interface GenerationResult {
  stats: GenerationStats;
  tokenIds: number[];
}

export interface AnswerResult extends GenerationResult {
  quotes: Quote[];
  /** Undefined where the context has no text. */
  support: AnswerSupport | undefined;
}

export type GenerationEvent =
  /** A chunk of text. */
  | { type: 'text'; text: string }
  /** Of a call that is watched: the prompt's tokens, first of all. Soft tokens have no ids. */
  | { type: 'prompt'; ids: number[] }
  /** Of a call that is watched: a token, to be answered with whether to stop after it. */
  | { type: 'token'; id: number };

/** How well one segment survives: what its own tokens would have been restored with. */
export interface SegmentFidelity {
  tokenIds: number[];
  /** What each token stands for; '' before the last of several that make up a character. Joined: the segment as it is read. */
  tokenTexts: string[];
  /** Natural logarithms, at most 0. */
  logProbabilities: Float32Array<ArrayBuffer>;
}

export interface DecoderApi extends WorkerApi<DecoderSetup> {
  /** Prefills segments of a context that is still being compressed; `first`: index of the first one. */
  append(contextId: number, first: number, segments: ContextSegment[]): Promise<void>;
  /** Frees what is kept of a context. */
  forget(contextId: number): Promise<void>;
  /** As `compress` counts them. */
  countTokens(text: string, port: MessagePort): Promise<number>;
  ask(
    context: ContextRequest,
    question: string,
    settings: AnswerSettings,
    port: MessagePort,
  ): Promise<AnswerResult>;
  restore(
    context: ContextRequest,
    settings: RestorationSettings,
    port: MessagePort,
  ): Promise<GenerationResult>;
  /** Scores segments against their own texts; each comes as an event, in order. */
  fidelity(segments: ScoredSegment[], rate: number, port: MessagePort): Promise<void>;
  /** Of each segment what `RestorationLoss` calls `nats`. */
  restorationLosses(segments: TokenisedSegment[], rate: number, port: MessagePort): Promise<number[]>;
  askFullText(
    text: string,
    question: string,
    settings: GenerationSettings,
    port: MessagePort,
  ): Promise<GenerationResult>;
}
