// What a line of a text is by its form. Expressions use no class whose meaning differs between Python and JavaScript: the
// Python twin is training/gmsa_quotes/units.py.

/** A part of a text, in UTF-16 code units: `text.slice(start, end)`. */
export interface TextRange {
  start: number;
  end: number;
}

/** Letters and digits, by block. */
export const ALPHANUMERIC = /[0-9A-Za-z\xaa-\u1fff\u2c00-\u2dff\u3005-\ufdff\ufe70-\uffef]/;
export const FENCE = /^(?:```|~~~)/;
export const MARKDOWN_HEADING = /^(#{1,6})[ \t]+/;
export const UNDERLINE = /^(?:=+|-{3,})$/;
/** What a list item begins with: a bullet, a number, a letter. */
export const MARKER =
  /^(?:[-*+\u2022\u2023\u25aa\u25cf\u25e6\u2013\u2014]|\(?(?:[0-9]{1,3}|[A-Za-z]|[ivx]{1,4})[.)])[ \t]+(?=[^ \t])/;
/** `key: value`, `key = value`, with quotation marks or emphasis around the key. */
export const PAIR =
  /^["'*_> \t]{0,4}[A-Za-z\xc0-\uffff][^:=.!?\n]{0,47}(?:\.[ \t])?["'*_]{0,3}[ \t]*(?::["'*_]{0,3}[ \t]+|=[ \t]*)[^ \t]/;
const SECTION = /^(?:chapter|section|part|article|appendix|annex|schedule|clause)[ \t]/i;
const NOT_TITLE = /[{}=;<>|\t]| {2}|[0-9]:[0-9]|[.!?:;,]$/;
const STARTS = /^[A-Za-z0-9"'(\xaa-\uffff]/;
export const LOWER = /^[a-z\xdf-\xf6\xf8-\xff\u03b1-\u03c9\u0430-\u045f]/;

export function spaces(line: string): number {
  let count = 0;
  for (let at = line.indexOf(' '); at >= 0; at = line.indexOf(' ', at + 1)) count += 1;
  return count;
}

/** The lines of a block: a stretch without a blank line. */
export class Block {
  readonly text: string;
  readonly lines: readonly TextRange[];
  /** The first line of the next block. */
  readonly following: string | undefined;
  readonly #widest: number;

  constructor(text: string, lines: readonly TextRange[], following: string | undefined) {
    this.text = text;
    this.lines = lines;
    this.following = following;
    this.#widest = lines.reduce((widest, { start, end }) => Math.max(widest, end - start), 0);
  }

  line(index: number): string {
    const { start, end } = this.lines[index]!;
    return this.text.slice(start, end);
  }

  /** Whether the block, one of several that start with the same key, is a record of `key: value` lines. */
  isRecord(key: string, keyBefore: string): boolean {
    if (this.lines.length < 2 || key === '' || key.length >= 50) return false;
    if (key !== keyBefore && !this.following?.startsWith(key)) return false;
    const pairs = this.lines.filter((_, i) => this.line(i).includes(':'));
    return pairs.length * 4 >= this.lines.length * 3;
  }

  /** Whether the first line is a title of what follows it. */
  startsWithTitle(): boolean {
    const line = this.line(0);
    if (line.length > 100 || !STARTS.test(line) || NOT_TITLE.test(line) || spaces(line) > 14) return false;
    if (this.lines.length === 1) {
      if (this.following === undefined) return false;
      if (MARKER.test(line)) return !MARKER.test(this.following);
      return SECTION.test(line) || !PAIR.test(line);
    }
    if (MARKER.test(line) || (PAIR.test(line) && PAIR.test(this.line(1)))) return false;
    return !this.isWrapped(0, false);
  }

  /** Whether a line goes on in the next, which its width forced. */
  isWrapped(index: number, inItem: boolean): boolean {
    const line = this.line(index);
    const next = this.line(index + 1);
    if (!STARTS.test(next) || MARKER.test(next) || '{};|:'.includes(line.at(-1)!) || next.includes('  '))
      return false;
    const before = this.text[this.lines[index + 1]!.start - 1];
    if (inItem && (before === ' ' || before === '\t')) return true; // set in, as an item's further lines are
    if (spaces(line) < 4 || line.length < 30) return false;
    if (line[0] === next[0] && '0123456789['.includes(line[0]!)) return false; // lines of a log
    if (LOWER.test(next) && !'.!?'.includes(line.at(-1)!)) return true;
    const word = next.indexOf(' ');
    return (
      this.#widest >= 50 &&
      this.#widest <= 130 &&
      !PAIR.test(next) &&
      line.length + 1 + (word < 0 ? next.length : word) >= this.#widest - 1
    );
  }
}
