import { type ConcreteDType, downloadBytes, modelHash } from '../model-folder/manifest.js';
import type { ModelFolder } from '../model-folder/model-folder.js';

/** What a model folder says about its model. */
export interface ModelInfo {
  readonly name: string;
  /** SHA-256 over what determines its soft tokens; a context can be asked about only with a model of the same hash. */
  readonly hash: string;
  /** Trained compression rates, ascending. */
  readonly rates: readonly number[];
  readonly defaultRate: number;
  /** Longest segment, in tokens. */
  readonly segmentLength: number;
  /** Positions of the decoder: soft tokens, question and answer have to fit. */
  readonly window: number;
  /**
   * What the model answers, word for word, where the text does not hold the answer; undefined if it was not trained to
   * say so.
   */
  readonly refusal: string | undefined;
  /** Whether it was trained to read quotes beside soft tokens. */
  readonly readsQuotes: boolean;
  readonly baseModel: string;
  readonly licence: string;
  /** Download of the dtype in use. */
  readonly bytes: number;
}

export function modelInfo({ manifest, config }: ModelFolder, dtype: ConcreteDType): ModelInfo {
  const { rates, defaultRate, segmentLength, window, refusal, quoteTemplate, baseModel, licence } = config;
  return Object.freeze({
    name: manifest.name,
    hash: modelHash(manifest),
    rates: Object.freeze([...rates]),
    defaultRate,
    segmentLength,
    window,
    refusal,
    readsQuotes: quoteTemplate !== undefined,
    baseModel,
    licence,
    bytes: downloadBytes(manifest, dtype),
  });
}
