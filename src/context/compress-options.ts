import type { CompressProgress } from './context-assembly.js';

export interface CompressOptions {
  /** Tokens merged into one soft token; one of the trained rates. Default: the model's own. */
  rate?: number;
  /**
   * Instead of a rate: the most soft tokens that the text may become. It is compressed at the lowest rate that fits;
   * what is left of the number goes to the segments that the decoder would restore worst, which get the next lower rate
   * (docs/context-format.md). To find them it scores all segments, a prefill of soft tokens and text each, in turn with
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
