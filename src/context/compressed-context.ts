// A compressed text as users hold it, and how one comes back from a file.
import { GmsaError } from '../errors.js';
import type { ConcreteDType } from '../model-folder/manifest.js';
import {
  type CompressedSegment,
  type ContextData,
  type ContextModel,
  type ContextParts,
  type ContextStats,
  checkContext,
  checkModel,
  checkRates,
} from './context-data.js';
import { contextFromBytes, contextToBlob, type SaveOptions } from './context-file.js';
import { contextText } from './context-text.js';

/**
 * A compressed text, to ask about. It holds nothing that needs to be released. A structured clone of it loses `text`
 * and `toBlob` and can be used like it all the same; `Gmsa#open` gives them back.
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
   * The text, with its line ends and lone surrogates normalised: places of quotes and of support are in it. Undefined in a
   * context that was saved without its text.
   * @throws GmsaError `CORRUPT_FILE` if the segments' texts are not those that were compressed
   */
  get text(): string | undefined {
    return contextText(this);
  }

  /**
   * A safetensors file (docs/formats/context-file.md), which `Gmsa#open` reads.
   * @throws GmsaError `BAD_INPUT` if the soft tokens were transferred away
   */
  toBlob(options?: SaveOptions): Blob {
    return contextToBlob(this, options);
  }
}

/**
 * A context from its file, or from a structured clone.
 * @throws GmsaError `CORRUPT_FILE`, `OTHER_MODEL`, `BAD_RATE`; `BAD_INPUT` for a value that is no context
 */
export async function openContext(
  source: Blob | BufferSource | ContextData,
  model: ContextModel,
): Promise<CompressedContext> {
  const isFile = source instanceof Blob || source instanceof ArrayBuffer || ArrayBuffer.isView(source);
  if (!isFile) {
    checkContext(source, model);
    return new CompressedContext(source);
  }
  const parts = contextFromBytes(await bytesOf(source));
  checkModel(parts, model);
  checkRates(parts, model);
  return new CompressedContext(parts);
}

async function bytesOf(source: Blob | BufferSource): Promise<Uint8Array<ArrayBuffer>> {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  try {
    return new Uint8Array(source instanceof Blob ? await source.arrayBuffer() : source);
  } catch (error) {
    throw new GmsaError(
      'CORRUPT_FILE',
      `The file could not be read: ${error instanceof Error ? error.message : error}.`,
      'Choose the file again. It may have been moved, changed, or deleted.',
      { cause: error },
    );
  }
}
