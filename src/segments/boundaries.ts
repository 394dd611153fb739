// Where a text may be cut, and the priority of each place (docs/formats/segmentation.md, rules 3 and 5).
import { whiteSpaceRun } from './normalise.js';

/** A position (UTF-16 code units) between two characters of a normalised text, and how natural a cut is there. */
export interface Boundary {
  position: number;
  /** 3 paragraph, 2 line, 1 sentence, 0 white space, −1 inside a word. */
  level: number;
}

/** Code points of one slice of an over-long word: at most 4 UTF-8 bytes, so at most 4 tokens, each. */
const SLICE_CODE_POINTS = 128;
/** Code points after a boundary's white space that its hash is taken from. */
const HASHED_CODE_POINTS = 32;
/** Closing quotes and brackets looked back over, after a sentence end, as in training. */
const LONGEST_CLOSING = 16;

const SENTENCE_END = /[.!?…]["'”’»)\]]*$/;
const CJK_SENTENCE_END = /[。！？][”’」』）]*/g;

/** Every boundary of level 0 or more of a normalised text, in order. */
export function findBoundaries(text: string): Boundary[] {
  const levels = new Map<number, number>();
  for (const run of text.matchAll(whiteSpaceRun('g'))) {
    const start = run.index;
    if (start === 0 || start + run[0].length === text.length) continue;
    levels.set(start, whiteSpaceLevel(text, start, run[0]));
  }
  const runAt = whiteSpaceRun('y');
  for (const end of text.matchAll(CJK_SENTENCE_END)) {
    const position = end.index + end[0].length;
    runAt.lastIndex = position;
    const rest = runAt.exec(text);
    if (position + (rest?.[0].length ?? 0) < text.length) {
      levels.set(position, Math.max(levels.get(position) ?? 0, 1));
    }
  }
  return [...levels]
    .map(([position, level]) => ({ position, level }))
    .sort((a, b) => a.position - b.position);
}

function whiteSpaceLevel(text: string, start: number, run: string): number {
  const lineFeeds = run.split('\n').length - 1;
  if (lineFeeds > 0) return Math.min(lineFeeds, 2) + 1;
  return SENTENCE_END.test(text.slice(Math.max(0, start - LONGEST_CLOSING), start)) ? 1 : 0;
}

/** The boundaries of level −1 inside the word `text[start, end)`. */
export function sliceBoundaries(text: string, start: number, end: number): Boundary[] {
  const boundaries: Boundary[] = [];
  let codePoints = 0;
  for (let position = start; position < end; position += text.codePointAt(position)! > 0xffff ? 2 : 1) {
    if (codePoints > 0 && codePoints % SLICE_CODE_POINTS === 0) boundaries.push({ position, level: -1 });
    codePoints += 1;
  }
  return boundaries;
}

/** 32-bit FNV-1a over the 32 code points that follow the white space at a boundary; unsigned. */
export function boundaryHash(text: string, position: number): number {
  const runAt = whiteSpaceRun('y');
  runAt.lastIndex = position;
  let at = position + (runAt.exec(text)?.[0].length ?? 0);
  let hash = 2166136261;
  for (let n = 0; n < HASHED_CODE_POINTS && at < text.length; n += 1) {
    const codePoint = text.codePointAt(at)!;
    hash = Math.imul(hash ^ codePoint, 16777619);
    at += codePoint > 0xffff ? 2 : 1;
  }
  return hash >>> 0;
}
