// config.json of a model folder: the base model's sizes and the "gmsa" block (docs/formats/model-folder.md).
import { isObject } from '../utils/is-object.js';
import { badModel } from './manifest.js';

/**
 * What the decoder reads before a question: soft tokens, quotes, soft tokens and then quotes, or the whole text as it
 * stands.
 */
export type ReadingName = 'soft' | 'quotes' | 'both' | 'whole';

const READING_NAMES: readonly unknown[] = ['soft', 'quotes', 'both', 'whole'] satisfies ReadingName[];

/** For texts that are read whole, and for longer ones. */
export interface Readings {
  short: readonly ReadingName[];
  long: readonly ReadingName[];
}

const DEFAULT_READINGS: Readings = { short: ['whole'], long: ['quotes', 'both'] };
const WHOLE_TEXT_TOKENS = 384;
const QUOTE_TOKENS = 96;

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
  /** Where quotes stand before the question; undefined if the model was not trained to read them. */
  quoteTemplate: string | undefined;
  /** A text of at most so many tokens is read whole. */
  wholeTextTokens: number;
  /** Tokens of the quotes from a longer one, unless the caller says otherwise. */
  quoteTokens: number;
  /** What questions are read with, one reading after the other until one gives an answer. */
  readings: Readings;
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
  const quoteTemplate = gmsa.quote_template == null ? undefined : string('quote_template') || undefined;
  if (quoteTemplate !== undefined && !quoteTemplate.includes('{quotes}')) {
    throw badModel(where, '"gmsa.quote_template" does not contain {quotes}');
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
    quoteTemplate,
    wholeTextTokens: optional(gmsa, 'whole_text_tokens') ?? WHOLE_TEXT_TOKENS,
    quoteTokens: optional(gmsa, 'quote_tokens') ?? QUOTE_TOKENS,
    readings: readingsOf(gmsa.readings, where),
    restoreInstruction: string('restore_instruction'),
    refusal: gmsa.refusal == null ? undefined : string('refusal').trim() || undefined,
    endIds: integers('end_ids'),
  };
}

function readingsOf(value: unknown, where: string): Readings {
  if (value == null) return DEFAULT_READINGS;
  const { short, long } = Object(value) as Record<string, unknown>;
  const namesOf = (names: unknown, otherwise: readonly ReadingName[]): readonly ReadingName[] => {
    if (names === undefined) return otherwise;
    if (Array.isArray(names) && names.length > 0 && names.every((name) => READING_NAMES.includes(name)))
      return names;
    throw badModel(
      where,
      `"gmsa.readings" in config.json has a list of other than ${READING_NAMES.join(', ')}`,
    );
  };
  return { short: namesOf(short, DEFAULT_READINGS.short), long: namesOf(long, DEFAULT_READINGS.long) };
}
