// Chooses what to quote for a question within a budget of tokens, and renders it for the prompt. The Python twin is
// training/gmsa_quotes/selection.py; vectors.json pins both.
import { fuse, type QuoteIndex, ranked } from './bm25.js';
import type { TextRange } from './line-forms.js';
import type { Unit } from './units.js';

/** Words as they stand in `text.slice(start, end)` of the index (UTF-16 code units of the reading text). */
export interface Quote extends TextRange {
  text: string;
  /** Of its best unit: BM25, or fused ranks where there was an attention score. */
  score: number;
  /**
   * Lines that belong in front: the headings that the words stand under, where they do not name them, and the header row of
   * their table.
   */
  above: string[];
}

export interface SelectOptions {
  /** Tokens that the quotes may take when rendered. */
  budget: number;
  /** Number of tokens of a text. */
  count: (text: string) => number;
  /** A second score for each unit, fused with BM25 by reciprocal rank. */
  attention?: ArrayLike<number>;
}

/** Tokens of a unit that is cut to fit; less says nothing. */
const LEAST = 8;
/** UTF-16 code units that a token may be expected to hold; a longer text is not counted as a whole. */
const LONGEST_TOKEN = 16;

interface Taken extends TextRange {
  unit: number;
  above: string[];
  /** Whether all of the unit was taken. */
  isWhole: boolean;
}

/**
 * The quotes, in the order of the text.
 *
 * The best units are taken whole while they fit, with what stands above them (unless that alone takes half the budget);
 * the first that does not fit is cut at a word, and is the last. Neighbours with one space or line feed between them
 * become one quote. A text that fits as a whole is one quote. Where the text has neither a word of the question nor the
 * kind of thing it asks for, and there is no attention, nothing is quoted.
 */
export function selectQuotes(index: QuoteIndex, question: string, options: SelectOptions): Quote[] {
  const { budget, count, attention } = options;
  const { text, units } = index;
  const bm25 = index.scores(question);
  if (text !== '' && text.length <= budget * LONGEST_TOKEN && count(text) <= budget) {
    const score = bm25.reduce((best, one) => Math.max(best, one), 0);
    return [{ text, start: 0, end: text.length, score, above: [] }];
  }
  const isAsked = bm25.some((score) => score > 0);
  const scores = !attention ? bm25 : isAsked ? fuse([bm25, attention]) : attention;

  const costs = new Map<string, number>();
  const paid = new Set<string>();
  const taken: Taken[] = [];
  let left = budget;
  for (const number of ranked(scores)) {
    const unit = units.at(number);
    let above: string[] = [];
    let front = 0;
    for (const line of linesAbove(index, number, unit)) {
      if (!costs.has(line)) costs.set(line, count(`${line}\n`));
      if (costs.get(line)! * 2 > budget) continue;
      above.push(line);
      if (!paid.has(line)) front += costs.get(line)!;
    }
    const { start, end } = unit;
    const cost = count(`${text.slice(start, end)}\n`);
    if (taken.length === 0 && left - front < Math.min(cost, LEAST)) {
      above = []; // rather the words alone than nothing
      front = 0;
    }
    if (front + cost > left) {
      const cut = left - front >= LEAST ? cutToFit(text, unit, left - front, count) : start;
      if (cut > start) taken.push({ unit: number, start, end: cut, above, isWhole: false });
      break;
    }
    taken.push({ unit: number, start, end, above, isWhole: true });
    for (const line of above) paid.add(line);
    left -= front + cost;
  }
  return merged(index, taken, scores);
}

/** The end of the longest part that ends before white space and fits into `room` tokens; the start if none does. */
function cutToFit(
  text: string,
  { start, end }: TextRange,
  room: number,
  count: (text: string) => number,
): number {
  const ends = Array.from(text.slice(start, end).matchAll(/[ \n\t]+/g), ({ index }) => start + index);
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (count(`${text.slice(start, ends[middle])}\n`) <= room) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? ends[low - 1]! : start;
}

/** The headings from the outermost in, on one line, unless all their words are the unit's own; and the header row. */
function linesAbove(index: QuoteIndex, number: number, { headings, header }: Unit): string[] {
  const slice = ({ start, end }: TextRange) => index.text.slice(start, end);
  const lines: string[] = [];
  if (headings.length > 0 && (header || !index.namesHeadings(number)))
    lines.push(headings.map(slice).join(' > '));
  if (header) lines.push(slice(header));
  return lines;
}

function merged({ text, units }: QuoteIndex, taken: Taken[], scores: ArrayLike<number>): Quote[] {
  const quotes: Quote[] = [];
  let last: Taken | undefined;
  for (const one of taken.sort((a, b) => a.unit - b.unit)) {
    const score = scores[one.unit]!;
    const before = quotes.at(-1);
    const isNeighbour =
      last?.isWhole &&
      one.unit === last.unit + 1 &&
      units.place(one.unit) === units.place(last.unit) &&
      [' ', '\n'].includes(text.slice(last.end, one.start));
    if (before && isNeighbour) {
      before.end = one.end;
      before.text = text.slice(before.start, one.end);
      before.score = Math.max(before.score, score);
      if (before.above.length === 0) before.above = one.above;
    } else {
      const { start, end, above } = one;
      quotes.push({ text: text.slice(start, end), start, end, score, above });
    }
    last = one;
  }
  return quotes;
}

/**
 * What the model reads: each quote on a line of its own, as it stands, and before it, each on a line of its own, what
 * stands above it and is not shown yet.
 */
export function renderQuotes(quotes: readonly Quote[]): string {
  const lines: string[] = [];
  const shown = new Set<string>();
  for (const { above, text } of quotes) {
    for (const line of above) {
      if (!shown.has(line)) lines.push(line);
      shown.add(line);
    }
    lines.push(text);
  }
  return lines.join('\n');
}
