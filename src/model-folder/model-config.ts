// config.json of a model folder: the base model's sizes and the "gmsa" block (docs/formats/model-folder.md).
import { isObject } from '../utils/is-object.js';
import { badModel } from './manifest.js';

export interface ModelConfig {
  /** H, width of hidden states and soft tokens. */
  hiddenSize: number;
  /** Layers of the decoder. */
  layers: number;
  heads: number;
  keyValueHeads: number;
  headDim: number;
  /** These serve estimates of memory alone; config.json may leave them out. */
  intermediateSize: number | undefined;
  vocabSize: number | undefined;
  encoderLayers: number | undefined;
  lsaLayers: number | undefined;
  baseModel: string;
  licence: string;
  /** Trained compression rates, ascending. */
  rates: number[];
  defaultRate: number;
  /** Longest segment, in tokens. */
  segmentLength: number;
  /** Positions of the decoder. */
  window: number;
  prefixIds: number[];
  questionTemplate: string;
  restoreInstruction: string;
  /** What the model answers where the text does not hold the answer; undefined if it was not trained to say so. */
  refusal: string | undefined;
  endIds: number[];
}

/** @throws GmsaError `BAD_MODEL` naming the key that is missing or of the wrong kind */
export function parseModelConfig(json: unknown, where: string): ModelConfig {
  if (!isObject(json)) throw badModel(where, 'config.json is not an object');
  if (!isObject(json.gmsa)) throw badModel(where, 'config.json has no "gmsa" block');
  const { gmsa } = json;
  if (gmsa.format !== 1)
    throw badModel(where, `the gmsa block has format ${gmsa.format}, and this version reads format 1`);

  const integer = (from: Record<string, unknown>, key: string): number => {
    const value = from[key];
    if (!Number.isSafeInteger(value) || (value as number) <= 0) {
      throw badModel(where, `"${key}" in config.json is not a positive integer`);
    }
    return value as number;
  };
  const integers = (key: string): number[] => {
    const value = gmsa[key];
    if (!Array.isArray(value) || value.length === 0 || !value.every(Number.isSafeInteger)) {
      throw badModel(where, `"gmsa.${key}" in config.json is not a list of integers`);
    }
    return value as number[];
  };
  const string = (key: string): string => {
    const value = gmsa[key];
    if (typeof value !== 'string') throw badModel(where, `"gmsa.${key}" in config.json is not a string`);
    return value;
  };

  const rates = integers('rates').toSorted((a, b) => a - b);
  if (rates[0]! < 1) throw badModel(where, '"gmsa.rates" in config.json has a rate below 1');
  const defaultRate = integer(gmsa, 'default_rate');
  if (!rates.includes(defaultRate)) throw badModel(where, '"gmsa.default_rate" is not one of "gmsa.rates"');
  const questionTemplate = string('question_template');
  if (!questionTemplate.includes('{question}')) {
    throw badModel(where, '"gmsa.question_template" does not contain {question}');
  }
  const optional = (from: Record<string, unknown>, key: string) =>
    from[key] == null ? undefined : integer(from, key);
  const heads = optional(json, 'num_attention_heads') ?? 1;
  const hiddenSize = integer(json, 'hidden_size');
  return {
    hiddenSize,
    layers: integer(json, 'num_hidden_layers'),
    heads,
    keyValueHeads: optional(json, 'num_key_value_heads') ?? heads,
    headDim: optional(json, 'head_dim') ?? hiddenSize / heads,
    intermediateSize: optional(json, 'intermediate_size'),
    vocabSize: optional(json, 'vocab_size'),
    encoderLayers: optional(gmsa, 'encoder_layers'),
    lsaLayers: optional(gmsa, 'lsa_layers'),
    baseModel: string('base_model'),
    licence: string('licence'),
    rates,
    defaultRate,
    segmentLength: integer(gmsa, 'segment_length'),
    window: integer(gmsa, 'window'),
    prefixIds: integers('prefix_ids'),
    questionTemplate,
    restoreInstruction: string('restore_instruction'),
    refusal: gmsa.refusal == null ? undefined : string('refusal').trim() || undefined,
    endIds: integers('end_ids'),
  };
}
