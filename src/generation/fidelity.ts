// How well a text survives its compression, token by token: put together on the page from what the decoder scores.
import type { ContextData } from '../context/context-data.js';
import { GmsaError } from '../errors.js';
import type { ScoredSegment, SegmentFidelity } from '../workers/decoder/api.js';

/** What the tokens of a text would have been restored with, all of the same length and in order. */
export interface Fidelity {
  readonly tokenIds: readonly number[];
  /**
   * What each token stands for; '' before the last of several that make up a character. Joined: the text as the model
   * reads it (docs/formats/segmentation.md).
   */
  readonly pieces: readonly string[];
  /** Of each token, given the soft tokens of its segment and the tokens before it there. Natural logarithms, 0 at most. */
  readonly logProbabilities: Float32Array<ArrayBuffer>;
  /** Mean of the log-probabilities; its negative's exponential is the perplexity. */
  readonly meanLogProbability: number;
}

export interface FidelityProgress {
  status: 'fidelity';
  /** Finished so far. */
  segments: number;
  totalSegments: number;
  /** Of the finished segments. */
  tokens: number;
  totalTokens: number;
}

export interface FidelityOptions {
  signal?: AbortSignal;
  onProgress?: (progress: FidelityProgress) => void;
}

/** @throws GmsaError `BAD_INPUT` if the context was saved without its text */
export function scoredSegments({ segments }: ContextData): ScoredSegment[] {
  return segments.map(({ text, tokens, softTokens, data }) => {
    if (text !== undefined) return { text, tokens, softTokens, data };
    throw new GmsaError(
      'BAD_INPUT',
      'The context was saved without its text, which fidelity needs for the comparison.',
      'Compress the text again, or save the context with its text.',
    );
  });
}

/** Collects segments as they are scored. */
export class FidelityAssembly {
  readonly #context: ContextData;
  readonly #onProgress: FidelityOptions['onProgress'];
  readonly #segments: SegmentFidelity[] = [];
  #tokens = 0;

  constructor(context: ContextData, onProgress: FidelityOptions['onProgress']) {
    this.#context = context;
    this.#onProgress = onProgress;
  }

  add(segment: SegmentFidelity): void {
    this.#segments.push(segment);
    this.#tokens += segment.tokenIds.length;
    this.#onProgress?.({
      status: 'fidelity',
      segments: this.#segments.length,
      totalSegments: this.#context.segments.length,
      tokens: this.#tokens,
      totalTokens: this.#context.tokens,
    });
  }

  finish(): Fidelity {
    const logProbabilities = new Float32Array(this.#tokens);
    let at = 0;
    for (const segment of this.#segments) {
      logProbabilities.set(segment.logProbabilities, at);
      at += segment.logProbabilities.length;
    }
    return {
      tokenIds: this.#segments.flatMap(({ tokenIds }) => tokenIds),
      pieces: this.#segments.flatMap(({ tokenTexts }) => tokenTexts),
      logProbabilities,
      meanLogProbability: logProbabilities.reduce((sum, value) => sum + value, 0) / Math.max(1, this.#tokens),
    };
  }
}
