// A text in its smallest parts (docs/formats/segmentation.md, rule 4), tokenised one by one.
import { type Boundary, boundaryHash, findBoundaries, sliceBoundaries } from './boundaries.js';

/** Token ids of a text, without special tokens. */
export type Encode = (text: string) => number[];

/** Text that is never cut further, and the priority of the boundary before it. */
export interface Piece {
  text: string;
  ids: number[];
  level: number;
  hash: number;
}

interface Stretch {
  start: number;
  end: number;
  /** Level of the boundary at `start`. */
  level: number;
}

function split(boundaries: Boundary[], start: number, end: number, firstLevel: number): Stretch[] {
  const edges = [{ position: start, level: firstLevel }, ...boundaries];
  return edges.map((edge, i) => ({
    start: edge.position,
    end: edges[i + 1]?.position ?? end,
    level: edge.level,
  }));
}

/**
 * The pieces of a normalised, non-empty text: its atoms; the words of an atom over `limit` tokens; the slices of a
 * word over `limit` tokens. A generator, so that a long text can be given up midway.
 */
export function* pieces(text: string, encode: Encode, limit: number): Generator<Piece> {
  const boundaries = findBoundaries(text);
  const atoms = split(
    boundaries.filter((boundary) => boundary.level >= 1),
    0,
    text.length,
    0,
  );
  let next = 0; // first boundary that is not behind the current atom
  for (const atom of atoms) {
    const ids = encode(text.slice(atom.start, atom.end));
    const inside: Boundary[] = [];
    for (; next < boundaries.length && boundaries[next]!.position < atom.end; next += 1) {
      if (boundaries[next]!.position > atom.start) inside.push(boundaries[next]!);
    }
    if (ids.length <= limit) {
      yield piece(text, atom, ids);
      continue;
    }
    for (const word of split(inside, atom.start, atom.end, atom.level)) {
      const wordIds = encode(text.slice(word.start, word.end));
      if (wordIds.length <= limit) {
        yield piece(text, word, wordIds);
        continue;
      }
      for (const slice of split(
        sliceBoundaries(text, word.start, word.end),
        word.start,
        word.end,
        word.level,
      )) {
        yield piece(text, slice, encode(text.slice(slice.start, slice.end)));
      }
    }
  }
}

function piece(text: string, { start, end, level }: Stretch, ids: number[]): Piece {
  return { text: text.slice(start, end), ids, level, hash: start === 0 ? 0 : boundaryHash(text, start) };
}
