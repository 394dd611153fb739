import type { ConcreteDType } from '../model-folder/manifest.js';
import type { RestorationLoss } from '../workers/compressor/api.js';
import type { SoftTokenData } from '../workers/soft-tokens.js';
import { contextToBlob, type SaveOptions } from './context-file.js';

/** One segment of a compressed text. */
export interface CompressedSegment {
  /**
   * The segments' texts, joined, are the text with its line ends and lone surrogates normalised. Missing in a context
   * that was saved without its text; nothing but a display needs it.
   */
  readonly text?: string;
  /** SHA-256 of its token ids, in hex: equal ones have equal soft tokens at the same rate. */
  readonly hash: string;
  readonly tokens: number;
  /** Tokens merged into one soft token. */
  readonly rate: number;
  /** `ceil(tokens / rate)` */
  readonly softTokens: number;
  /**
   * What is lost of it at the higher of the rates that `targetTokens` chose from, its own or not
   * (docs/context-format.md); measured where there was room to choose.
   */
  readonly restorationLoss?: RestorationLoss;
  /** [softTokens, hiddenSize], f32 or the bits of f16. */
  readonly data: SoftTokenData;
}

/** How a context was made. */
export interface ContextStats {
  /** Wall time of the call. */
  readonly ms: number;
  /** Segments that went through the encoder, and their tokens. */
  readonly encodedSegments: number;
  readonly encodedTokens: number;
  /** Segments that `update` took over from the context before. */
  readonly reusedSegments: number;
}

/** What a compressed context holds: plain data, which a structured clone keeps whole. */
export interface ContextData {
  readonly modelName: string;
  /** The same for every copy of a model; soft tokens mean something to that model alone. */
  readonly modelHash: string;
  /** Of the model when it compressed; any dtype of the same model can answer. */
  readonly dtype: ConcreteDType;
  /** The rate of all segments; where they have several, tokens per soft token. */
  readonly rate: number;
  /** The most soft tokens it was to have, if it was compressed so; `update` keeps to it. */
  readonly targetTokens?: number;
  readonly hiddenSize: number;
  /** Tokens of the text. */
  readonly tokens: number;
  /** Soft tokens of all segments. */
  readonly softTokens: number;
  /** SHA-256 of the normalised text, in hex. */
  readonly sourceHash: string;
  readonly segments: readonly CompressedSegment[];
  readonly stats: ContextStats;
}

/** What the rest of a context follows from. */
export type ContextParts = Omit<ContextData, 'rate' | 'tokens' | 'softTokens'>;

/**
 * A compressed text, to ask about. It holds nothing that needs to be released. A structured clone of it loses `toBlob`
 * and can be used like it all the same; `Gmsa#open` gives the method back.
 */
export class CompressedContext implements ContextData {
  readonly modelName: string;
  readonly modelHash: string;
  readonly dtype: ConcreteDType;
  readonly rate: number;
  readonly targetTokens?: number;
  readonly hiddenSize: number;
  readonly tokens: number;
  readonly softTokens: number;
  readonly sourceHash: string;
  readonly segments: readonly CompressedSegment[];
  readonly stats: ContextStats;

  /** @param parts taken over and frozen, but for the soft tokens themselves */
  constructor(parts: ContextParts) {
    // Frozen ones are taken as they are: they are those that a Compression has handed out.
    const segments = Object.freeze(
      parts.segments.map((segment) => (Object.isFrozen(segment) ? segment : Object.freeze({ ...segment }))),
    );
    this.modelName = parts.modelName;
    this.modelHash = parts.modelHash;
    this.dtype = parts.dtype;
    this.hiddenSize = parts.hiddenSize;
    this.tokens = segments.reduce((sum, { tokens }) => sum + tokens, 0);
    this.softTokens = segments.reduce((sum, { softTokens }) => sum + softTokens, 0);
    const [first] = segments;
    this.rate = segments.every(({ rate }) => rate === first?.rate)
      ? (first?.rate ?? 1)
      : this.tokens / this.softTokens;
    if (parts.targetTokens !== undefined) this.targetTokens = parts.targetTokens;
    this.sourceHash = parts.sourceHash;
    this.segments = segments;
    this.stats = Object.freeze({ ...parts.stats });
    Object.freeze(this);
  }

  /**
   * A safetensors file (docs/context-format.md), which `Gmsa#open` reads.
   * @throws GmsaError `BAD_INPUT` if the soft tokens were transferred away
   */
  toBlob(options?: SaveOptions): Blob {
    return contextToBlob(this, options);
  }
}
