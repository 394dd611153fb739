// The safetensors format (huggingface.co/docs/safetensors): eight bytes of header length, a JSON header, the tensors.
// The readers on npm are for weights on a hub; none writes, and none checks a file that may be damaged.
import { GmsaError } from '../errors.js';
import { isObject } from '../utils/is-object.js';

const BYTES = { F32: 4, F16: 2 } as const;
export type TensorType = keyof typeof BYTES;

export interface SafeTensor {
  type: TensorType;
  /** Each at least 1. */
  shape: readonly number[];
  /** Little-endian, as all browsers' typed arrays are. */
  data: Uint8Array<ArrayBuffer>;
}

export interface SafetensorsFile {
  tensors: ReadonlyMap<string, SafeTensor>;
  metadata: ReadonlyMap<string, string>;
}

/** Bytes of the header's length. */
const PREFIX = 8;

export function corruptFile(what: string, cause?: unknown): GmsaError {
  return new GmsaError(
    'CORRUPT_FILE',
    `The file is not a usable compressed context: ${what}.`,
    'Open a file that CompressedContext.toBlob() made, or compress the text again.',
    cause === undefined ? undefined : { cause },
  );
}

/** The parts of the file, in order. */
export function writeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array<ArrayBuffer>[] {
  let end = 0;
  const entries = [...tensors].map(([name, { type, shape, data }]) => {
    const begin = end;
    end += data.byteLength;
    return [name, { dtype: type, shape, data_offsets: [begin, end] }] as const;
  });
  const json = new TextEncoder().encode(
    JSON.stringify({ __metadata__: Object.fromEntries(metadata), ...Object.fromEntries(entries) }),
  );
  // Padded with spaces to a multiple of 8, so that a reader may map the tensors.
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(PREFIX + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, PREFIX);
  return [header, ...[...tensors.values()].map(({ data }) => data)];
}

/**
 * The tensors are copies.
 * @throws GmsaError `CORRUPT_FILE` if the file is cut off, or its header is wrong or does not match its length
 */
export function readSafetensors(bytes: Uint8Array<ArrayBuffer>): SafetensorsFile {
  const { header, body } = split(bytes);
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw corruptFile('the metadata in its header is not text');
  }
  let end = 0;
  const tensors = Object.entries(entries).map(([name, entry]) => {
    const { type, shape, begin, size } = parseEntry(name, entry);
    if (begin !== end) throw corruptFile(`its tensors have a gap or overlap at byte ${begin}`);
    end += size;
    return [name, { type, shape, data: body.slice(begin, end) }] as const;
  });
  if (end !== body.length) {
    throw corruptFile(`its tensors take ${end} bytes, but it has ${body.length}`);
  }
  return { tensors: new Map(tensors), metadata: new Map(Object.entries(metadata as Record<string, string>)) };
}

function split(bytes: Uint8Array<ArrayBuffer>) {
  if (bytes.length < PREFIX) throw corruptFile(`it has only ${bytes.length} bytes`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(bytes.length - PREFIX)) throw corruptFile('it ends within its header');
  const end = PREFIX + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(PREFIX, end)));
  } catch (error) {
    throw corruptFile('its header is not JSON', error);
  }
  if (!isObject(header)) throw corruptFile('its header is not an object');
  return { header, body: bytes.subarray(end) };
}

function parseEntry(name: string, entry: unknown) {
  if (!isObject(entry)) throw corruptFile(`its tensor ${name} is not described`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (dtype !== 'F32' && dtype !== 'F16')
    throw corruptFile(`its tensor ${name} has the unknown type ${dtype}`);
  if (!isSizes(shape) || shape.includes(0)) throw corruptFile(`its tensor ${name} has no shape`);
  if (!isSizes(offsets) || offsets.length !== 2) throw corruptFile(`its tensor ${name} has no data offsets`);
  const size = shape.reduce((product, n) => product * n, BYTES[dtype]);
  const [begin, end] = offsets as [number, number];
  if (end - begin !== size) {
    throw corruptFile(`its tensor ${name} of shape [${shape}] has ${end - begin} bytes instead of ${size}`);
  }
  return { type: dtype as TensorType, shape, begin, size };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
