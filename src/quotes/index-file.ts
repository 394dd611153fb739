// An index as bytes, to be saved with a context: a header of 32-bit words (version, length of the text, length of each
// column), then the 32-bit columns, then the 16-bit ones, all little-endian.
import { GmsaError } from '../errors.js';
import { QuoteIndex } from './bm25.js';
import { column16, column32 } from './column.js';
import { UNIT_KINDS, Units } from './units.js';

const VERSION = 1;
/** 32-bit columns, then 16-bit ones. */
const WIDE = 7;
const NARROW = 2;
const HEADER = 2 + WIDE + NARROW;

function columnsOf({ units, terms }: QuoteIndex) {
  const { start, placeFrom, placeHeading, placeHeader, headings, headers, lengthAndKind } = units.columns;
  return {
    wide: [start, placeFrom, placeHeading, placeHeader, headings, headers, terms.hashes].map((c) => c.view()),
    narrow: [lengthAndKind, terms.counts].map((c) => c.view()),
  };
}

/** The bytes of a complete index. */
export function indexToBytes(index: QuoteIndex): Uint8Array<ArrayBuffer> {
  const { wide, narrow } = columnsOf(index);
  const all = [...wide, ...narrow];
  const header = Uint32Array.of(VERSION, index.text.length, ...all.map((column) => column.length));
  const bytes = new Uint8Array([header, ...all].reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of [header, ...all]) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

/**
 * The index of `text` from its bytes.
 * @throws GmsaError CORRUPT_FILE where the bytes are not those of an index of a text of this length
 */
export function indexFromBytes(bytes: Uint8Array, text: string): QuoteIndex {
  const copy = bytes.slice().buffer;
  if (copy.byteLength < 4 * HEADER) throw corrupt('they are too few');
  const [version, length, ...lengths] = new Uint32Array(copy, 0, HEADER);
  if (version !== VERSION) throw corrupt(`their version is ${version}, not ${VERSION}`);
  if (length !== text.length) throw corrupt('they belong to a text of another length');
  const sizes = lengths.map((one, i) => one * (i < WIDE ? 4 : 2));
  if (sizes.reduce((sum, size) => sum + size, 4 * HEADER) !== copy.byteLength)
    throw corrupt('they end early or late');
  let at = 4 * HEADER;
  const column = (i: number) => {
    const from = at;
    at += sizes[i]!;
    return from;
  };
  const [start, placeFrom, placeHeading, placeHeader, headings, headers, hashes] = lengths
    .slice(0, WIDE)
    .map((one, i) => new Uint32Array(copy, column(i), one)) as Take<Uint32Array, 7>;
  const [lengthAndKind, counts] = lengths
    .slice(WIDE)
    .map((one, i) => new Uint16Array(copy, column(WIDE + i), one)) as Take<Uint16Array, 2>;

  const isIn = (from: number, to: number) => from <= to && to <= text.length;
  const units = start.length;
  const isSound =
    lengthAndKind.length === units &&
    counts.length === units &&
    start.every((from, i) => isIn(from, from + (lengthAndKind[i]! & 0xfff)) && from >= (start[i - 1] ?? 0)) &&
    lengthAndKind.every((one) => one >> 12 < UNIT_KINDS.length) &&
    counts.reduce((sum, count) => sum + count, 0) === hashes.length &&
    placeHeading.length === placeFrom.length &&
    placeHeader.length === placeFrom.length &&
    placeFrom.length > 0 === units > 0 &&
    placeFrom.every((from, i) => from < units && (i === 0 ? from === 0 : from > placeFrom[i - 1]!)) &&
    headings.length % 3 === 0 &&
    headers.length % 2 === 0 &&
    placeHeading.every((heading) => 3 * heading <= headings.length) &&
    placeHeader.every((header) => 2 * header <= headers.length) &&
    headings.every(
      (_, i) => i % 3 !== 0 || (isIn(headings[i]!, headings[i + 1]!) && headings[i + 2]! * 3 <= i),
    ) &&
    headers.every((_, i) => i % 2 !== 0 || isIn(headers[i]!, headers[i + 1]!));
  if (!isSound) throw corrupt('their numbers contradict each other');

  return new QuoteIndex({
    text,
    units: new Units({
      start: column32(start),
      lengthAndKind: column16(lengthAndKind),
      placeFrom: column32(placeFrom),
      placeHeading: column32(placeHeading),
      placeHeader: column32(placeHeader),
      headings: column32(headings),
      headers: column32(headers),
    }),
    terms: { hashes: column32(hashes), counts: column16(counts) },
  });
}

/** A tuple of N times T. */
type Take<T, N extends number, R extends T[] = []> = R['length'] extends N ? R : Take<T, N, [...R, T]>;

function corrupt(why: string): GmsaError {
  return new GmsaError(
    'CORRUPT_FILE',
    `The bytes of an index of quotes cannot be read: ${why}.`,
    'Compress the text again, or make the index from the text.',
  );
}
