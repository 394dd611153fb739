// Cuts a text into segments. The rules, and why, are in docs/formats/segmentation.md; training applies the same ones.

import { sha256Hex } from '../utils/sha256.js';
import { normalise } from './normalise.js';
import { type Encode, type Piece, pieces } from './pieces.js';
import type { ReadingText } from './reading-text.js';

/** One segment: its text and its token ids, without special tokens. */
export interface Segment {
  text: string;
  ids: number[];
}

/**
 * Cuts `text` into segments of at most `limit` tokens. The texts of the segments, joined, are the normalised text. An
 * empty text has no segments.
 */
export function planSegments(text: string, encode: Encode, limit: number): Segment[] {
  const normalised = normalise(text);
  if (normalised === '') return [];
  return cutPieces([...pieces(normalised, encode, limit)], limit);
}

/** Joins neighbouring pieces into segments of at most `limit` tokens (rule 6). */
export function cutPieces(all: readonly Piece[], limit: number): Segment[] {
  const totals = [0];
  for (const piece of all) totals.push(totals.at(-1)! + piece.ids.length);

  const segments: Segment[] = [];
  const stack: [first: number, last: number][] = [[0, all.length]];
  while (stack.length > 0) {
    const [first, last] = stack.pop()!;
    if (totals[last]! - totals[first]! <= limit || last - first === 1) {
      const inside = all.slice(first, last);
      segments.push({
        text: inside.map((piece) => piece.text).join(''),
        ids: inside.flatMap((piece) => piece.ids),
      });
      continue;
    }
    const cut = bestCut(all, totals, first, last);
    stack.push([cut, last], [first, cut]);
  }
  return segments;
}

/**
 * What segments of a reading text are in its source. Joined, it is the source; characters that are not read belong to the
 * segment behind them: whether a soft hyphen takes a line end with it shows there.
 */
export function sourceTexts(segments: readonly Segment[], reading: ReadingText, source: string): string[] {
  let read = 0;
  let from = 0;
  return segments.map(({ text }, i) => {
    const start = read;
    read += text.length;
    const to = i === segments.length - 1 ? source.length : reading.toSource(start, read).end;
    const own = source.slice(from, to);
    from = to;
    return own;
  });
}

/** The piece in (first, last) whose boundary has the highest priority; ties go to the middle, then to the earlier. */
function bestCut(all: readonly Piece[], totals: readonly number[], first: number, last: number): number {
  const edges = totals[first]! + totals[last]!;
  let best = first + 1;
  for (let i = first + 2; i < last; i += 1) {
    const a = all[i]!;
    const b = all[best]!;
    const order =
      a.level - b.level ||
      a.hash - b.hash ||
      Math.abs(2 * totals[best]! - edges) - Math.abs(2 * totals[i]! - edges);
    if (order > 0) best = i;
  }
  return best;
}

/**
 * SHA-256 of a segment's token ids (32 bits each, little-endian), in hex. Of the ids, not of the text: they alone
 * determine the soft tokens, and where an over-long sentence was cut, the same text may have other ids.
 */
export function contentHash(ids: readonly number[]): string {
  return sha256Hex(new Uint8Array(Uint32Array.from(ids).buffer));
}

/** SHA-256 of the normalised text in UTF-8, in hex. */
export function sourceHash(text: string): string {
  return sha256Hex(normalise(text));
}
