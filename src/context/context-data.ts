// What a compressed text holds, as plain data, and whether a value is such data of the model in use.
import { GmsaError } from '../errors.js';
import type { ConcreteDType } from '../model-folder/manifest.js';
import { isObject } from '../utils/is-object.js';
import type { RestorationLoss } from '../workers/compressor/api.js';
import { allFinite, type SoftTokenData } from '../workers/soft-tokens.js';

/** One segment of a compressed text. */
export interface CompressedSegment {
  /**
   * The segments' texts, joined, are the text with its line ends and lone surrogates normalised. What the model reads of
   * it has fewer characters (docs/formats/segmentation.md). Missing in a context that was saved without its text: its
   * questions are answered from soft tokens alone.
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
   * (docs/formats/context-file.md); measured where there was room to choose.
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

/** What a context must agree with. */
export interface ContextModel {
  name: string;
  hash: string;
  hiddenSize: number;
  rates: readonly number[];
}

/** @throws GmsaError `BAD_INPUT` naming what is wrong, `OTHER_MODEL`, `BAD_RATE` */
export function checkContext(value: unknown, model: ContextModel): asserts value is ContextData {
  if (!isObject(value)) throw notContext(`is ${value === null ? 'null' : typeof value}`);
  if (typeof value.modelHash !== 'string') throw notContext('has no model hash');
  checkModel(value as unknown as ContextData, model);
  checkSegments(value as unknown as ContextData);
  checkRates(value as unknown as ContextData, model);
}

/** @throws GmsaError `BAD_INPUT` naming what is wrong */
export function checkSegments(context: Pick<ContextData, 'segments' | 'hiddenSize'>): void {
  const { segments, hiddenSize } = Object(context) as Partial<ContextData>;
  if (!Array.isArray(segments) || segments.length === 0) throw notContext('has no segments');
  segments.forEach((segment, i) => {
    const fault = segmentFault(segment, hiddenSize!);
    if (fault !== undefined) throw notContext(`is broken: segment ${i + 1} ${fault}`);
  });
}

/** @throws GmsaError `OTHER_MODEL` */
export function checkModel(
  context: Pick<ContextData, 'modelName' | 'modelHash' | 'hiddenSize'>,
  model: ContextModel,
) {
  const { modelName, modelHash, hiddenSize } = context;
  const what =
    modelHash !== model.hash
      ? `of model ${modelName} (${modelHash.slice(0, 8)}), not of ${model.name} (${model.hash.slice(0, 8)})`
      : hiddenSize !== model.hiddenSize
        ? `of hidden size ${hiddenSize}, the model's is ${model.hiddenSize}`
        : undefined;
  if (what === undefined) return;
  throw new GmsaError(
    'OTHER_MODEL',
    `The context is ${what}.`,
    'Load the model that compressed it, or compress the text again.',
  );
}

/** @throws GmsaError `BAD_RATE` */
export function checkRates({ segments }: Pick<ContextData, 'segments'>, { name, rates }: ContextModel): void {
  const unknown = segments
    .flatMap(({ rate, restorationLoss }) => [rate, restorationLoss?.rate ?? rate])
    .find((rate) => !rates.includes(rate));
  if (unknown === undefined) return;
  throw new GmsaError(
    'BAD_RATE',
    `The context has a segment, or the loss of one, at rate ${unknown}, which ${name} was not trained for.`,
    `Compress the text again at one of its trained rates: ${rates.join(', ')}.`,
  );
}

function notContext(what: string): GmsaError {
  return new GmsaError(
    'BAD_INPUT',
    `The context ${what}.`,
    'Pass what compress, update, or open resolved to, or a structured clone of it.',
  );
}

/** What is wrong with a segment, as in "segment 3 has no token count"; undefined if nothing is. */
export function segmentFault(segment: unknown, hiddenSize: number): string | undefined {
  if (!isObject(segment)) return 'is not an object';
  const { text, hash, tokens, rate, softTokens, restorationLoss, data } = segment;
  if (text !== undefined && typeof text !== 'string') return 'has a text that is not a string';
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) return 'has no content hash';
  if (!isPositive(tokens)) return 'has no token count';
  if (!isPositive(rate)) return 'has no rate';
  if (softTokens !== Math.ceil(tokens / rate)) {
    return `has ${softTokens} soft tokens for ${tokens} tokens at rate ${rate}`;
  }
  if (restorationLoss !== undefined && !isLoss(restorationLoss)) return 'has an invalid restoration loss';
  if (!(data instanceof Float32Array || data instanceof Uint16Array)) return 'has no soft tokens';
  if (data.length !== softTokens * hiddenSize) {
    return `has ${data.length} values instead of ${softTokens} of width ${hiddenSize}`;
  }
  if (!allFinite(data as SoftTokenData)) return 'has values that are not finite';
  return undefined;
}

function isLoss(value: unknown): boolean {
  return (
    isObject(value) && isPositive(value.rate) && Number.isFinite(value.nats) && (value.nats as number) >= 0
  );
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
