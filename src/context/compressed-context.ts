import type { SoftTokenData } from '../protocol.js';

/** One segment of a compressed text. */
export interface CompressedSegment {
  /** The segments' texts, joined, are the text with its line ends and lone surrogates normalised. */
  readonly text: string;
  readonly tokens: number;
  readonly softTokens: number;
  /** [softTokens, hiddenSize], f32 or the bits of f16. */
  readonly data: SoftTokenData;
}

/** A compressed text, to ask about. Plain data: it holds nothing that needs to be released. */
export interface CompressedContext {
  readonly modelName: string;
  readonly rate: number;
  readonly hiddenSize: number;
  /** Tokens of the text. */
  readonly tokens: number;
  /** Soft tokens of all segments. */
  readonly softTokens: number;
  readonly segments: readonly CompressedSegment[];
  /** `ms`: wall time of `compress`. */
  readonly stats: { readonly ms: number };
}
