// A compressed context as a safetensors file (docs/formats/context-file.md).

import { type ConcreteDType, DTYPES } from '../model-folder/manifest.js';
import { isObject } from '../utils/is-object.js';
import { sha256Hex } from '../utils/sha256.js';
import type { SoftTokenData } from '../workers/soft-tokens.js';
import {
  type CompressedSegment,
  type ContextData,
  type ContextParts,
  type ContextStats,
  checkSegments,
  segmentFault,
} from './context-data.js';
import { contextText } from './context-text.js';
import { corruptFile, readSafetensors, type SafeTensor, writeSafetensors } from './safetensors.js';

export interface SaveOptions {
  /** Also saves the text of each segment. Default false: answers and `update` do not need it. */
  text?: boolean;
}

const FORMAT = '1';
const TENSOR = 'soft_tokens';
const HASH = /^[0-9a-f]{64}$/;

/** A segment's row in the file; its soft tokens follow those of the segments before it. */
type SegmentRow = Omit<CompressedSegment, 'data'>;

/** @throws GmsaError `BAD_INPUT` for what is no context, or has lost its soft tokens to a transfer */
export function contextToBlob(context: ContextData, options: SaveOptions = {}): Blob {
  checkSegments(context);
  const rows = context.segments.map(({ data, ...row }): SegmentRow => {
    if (!options?.text) delete (row as { text?: string }).text;
    return row;
  });
  const half = context.segments[0]?.data instanceof Uint16Array;
  const tensor: SafeTensor = {
    type: half ? 'F16' : 'F32',
    shape: [context.softTokens, context.hiddenSize],
    data: joined(context.segments.map(({ data }) => data)),
  };
  const metadata = new Map([
    ['gmsa_context', FORMAT],
    ['model_name', context.modelName],
    ['model_hash', context.modelHash],
    ['dtype', context.dtype],
    ['source_hash', context.sourceHash],
    ['segments', JSON.stringify(rows)],
    ['stats', JSON.stringify(context.stats)],
  ]);
  if (context.targetTokens !== undefined) metadata.set('target_tokens', String(context.targetTokens));
  metadata.set('sha256', checksum(metadata, tensor));
  const parts = writeSafetensors({ tensors: new Map([[TENSOR, tensor]]), metadata });
  return new Blob(parts, { type: 'application/octet-stream' });
}

/**
 * Whether the file suits a model is `checkModel`'s to say.
 * @throws GmsaError `CORRUPT_FILE` unless every byte is as it was written
 */
export function contextFromBytes(bytes: Uint8Array<ArrayBuffer>): ContextParts {
  const { tensors, metadata } = readSafetensors(bytes);
  const tensor = tensors.get(TENSOR);
  if (!tensor || tensors.size !== 1 || tensor.shape.length !== 2) {
    throw corruptFile(`it does not hold ${TENSOR} [M, H]`);
  }
  const value = (key: string): string => {
    const text = metadata.get(key);
    if (text === undefined) throw corruptFile(`its metadata has no ${key}`);
    return text;
  };
  const format = value('gmsa_context');
  if (format !== FORMAT)
    throw corruptFile(`it has format ${format}, and this version reads format ${FORMAT}`);
  if (value('sha256') !== checksum(metadata, tensor)) throw corruptFile('its checksum is wrong');

  const dtype = value('dtype') as ConcreteDType;
  if (!DTYPES.includes(dtype)) throw corruptFile(`it has dtype ${dtype}`);
  const hash = (key: string) => {
    if (!HASH.test(value(key))) throw corruptFile(`its ${key} is not a SHA-256`);
    return value(key);
  };
  const hiddenSize = tensor.shape[1]!;
  const parts = {
    modelName: value('model_name'),
    modelHash: hash('model_hash'),
    dtype,
    hiddenSize,
    sourceHash: hash('source_hash'),
    segments: parseSegments(value('segments'), tensor, hiddenSize),
    stats: parseStats(value('stats')),
    ...parseTarget(metadata.get('target_tokens')),
  };
  contextText(parts); // checks it
  return parts;
}

/** Over the metadata but the checksum itself, by key, and the tensor. */
function checksum(metadata: ReadonlyMap<string, string>, { type, shape, data }: SafeTensor): string {
  const entries = [...metadata].filter(([key]) => key !== 'sha256').sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256Hex(JSON.stringify([entries, type, shape]), data);
}

function parseSegments(json: string, { type, shape, data }: SafeTensor, hiddenSize: number) {
  const rows = parsed(json, 'list of segments');
  if (!Array.isArray(rows) || rows.length === 0) throw corruptFile('it lists no segments');
  const values: SoftTokenData = type === 'F16' ? new Uint16Array(data.buffer) : new Float32Array(data.buffer);
  let at = 0;
  const segments = rows.map((row: unknown, i): CompressedSegment => {
    if (!isObject(row)) throw corruptFile(`segment ${i + 1} is not an object`);
    const next = at + Number(row.softTokens) * hiddenSize;
    const segment = { ...(row as unknown as SegmentRow), data: values.slice(at, next) };
    const fault = segmentFault(segment, hiddenSize);
    if (fault !== undefined) throw corruptFile(`segment ${i + 1} ${fault}`);
    at = next;
    return segment;
  });
  if (at !== values.length) {
    throw corruptFile(`its segments account for ${at / hiddenSize} of its ${shape[0]} soft tokens`);
  }
  return segments;
}

function parseTarget(text: string | undefined): { targetTokens?: number } {
  if (text === undefined) return {};
  const targetTokens = Number(text);
  if (!Number.isSafeInteger(targetTokens) || targetTokens < 1)
    throw corruptFile(`its target of ${text} soft tokens is not a positive integer`);
  return { targetTokens };
}

function parseStats(json: string): ContextStats {
  const stats = parsed(json, 'stats block');
  const keys = ['ms', 'encodedSegments', 'encodedTokens', 'reusedSegments'];
  if (!isObject(stats) || !keys.every((key) => Number.isFinite(stats[key]))) {
    throw corruptFile('its stats are not numbers');
  }
  return stats as unknown as ContextStats;
}

function parsed(json: string, what: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw corruptFile(`its ${what} is not JSON`, error);
  }
}

function joined(parts: readonly SoftTokenData[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of parts) {
    whole.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return whole;
}
