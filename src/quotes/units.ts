// Cuts a text into units that make sense when they are quoted alone. The Python twin is
// training/gmsa_quotes/units.py; vectors.json pins both.
import { type Column, column16, column32 } from './column.js';
import {
  ALPHANUMERIC,
  Block,
  FENCE,
  MARKDOWN_HEADING,
  MARKER,
  PAIR,
  type TextRange,
  UNDERLINE,
} from './line-forms.js';
import { sentences } from './sentences.js';
import { LONGEST, shortened } from './shortened.js';
import { findTable, hasGap } from './tables.js';

export const UNIT_KINDS = ['sentence', 'item', 'row', 'pair', 'line'] as const;
/** A sentence, a list item, a row of a table or a record, a `key: value` line, a line of something else. */
export type UnitKind = (typeof UNIT_KINDS)[number];

/** `start` and `end` of all ranges are UTF-16 code units of the text that was cut. */
export interface Unit extends TextRange {
  kind: UnitKind;
  /** The headings that the unit stands under, from the outermost in. */
  headings: TextRange[];
  /** The header row of the unit's table. */
  header: TextRange | undefined;
}

/** What `Units` is made of: typed arrays, since a long text has tens of thousands of units. */
export interface UnitColumns {
  start: Column<Uint32Array>;
  /** Length, and the number of the kind in the upper 4 bits. */
  lengthAndKind: Column<Uint16Array>;
  /** From which unit on another heading or header holds, and which: numbers from 1, 0 for none. */
  placeFrom: Column<Uint32Array>;
  placeHeading: Column<Uint32Array>;
  placeHeader: Column<Uint32Array>;
  /** start, end, and number from 1 of the heading above, or 0. */
  headings: Column<Uint32Array>;
  /** start, end. */
  headers: Column<Uint32Array>;
}

const LONGEST_HEADING = 200;
const LENGTH_BITS = 12; // no unit is longer than LONGEST

export function emptyColumns(): UnitColumns {
  return {
    start: column32(),
    lengthAndKind: column16(),
    placeFrom: column32(),
    placeHeading: column32(),
    placeHeader: column32(),
    headings: column32(),
    headers: column32(),
  };
}

/** The units of a text, in its order. They never overlap. */
export class Units {
  readonly columns: UnitColumns;

  constructor(columns = emptyColumns()) {
    this.columns = columns;
  }

  get length(): number {
    return this.columns.start.length;
  }

  start(unit: number): number {
    return this.columns.start.at(unit);
  }

  end(unit: number): number {
    return this.start(unit) + (this.columns.lengthAndKind.at(unit) & ((1 << LENGTH_BITS) - 1));
  }

  /** Number of the stretch of units under one heading and one header that a unit belongs to. */
  place(unit: number): number {
    const from = this.columns.placeFrom;
    let low = 0;
    let high = from.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (from.at(middle) <= unit) low = middle;
      else high = middle;
    }
    return low;
  }

  at(unit: number): Unit {
    const { lengthAndKind, placeHeading, placeHeader, headings, headers } = this.columns;
    const place = this.place(unit);
    const path: TextRange[] = [];
    for (let n = placeHeading.at(place); n > 0; n = headings.at(3 * n - 1)) {
      path.unshift({ start: headings.at(3 * n - 3), end: headings.at(3 * n - 2) });
    }
    const header = placeHeader.at(place);
    return {
      start: this.start(unit),
      end: this.end(unit),
      kind: UNIT_KINDS[lengthAndKind.at(unit) >> LENGTH_BITS]!,
      headings: path,
      header: header ? { start: headers.at(2 * header - 2), end: headers.at(2 * header - 1) } : undefined,
    };
  }
}

/** Levels of headings: 1 to 6 are Markdown's. */
const TITLE = 8;
const SECOND_TITLE = 9; // straight after a title, so under it
const LEAD_IN = 10; // a line that ends with a colon

/** Cuts a text that may grow: units are added once the block of lines that they are in has ended. */
export class UnitCutter {
  readonly units = new Units();
  #text = '';
  /** Where the first line starts that is in no block yet. */
  #at = 0;
  #lines: TextRange[] = [];
  #blank = false; // whether a blank line has ended the block of #lines
  #open: { level: number; number: number }[] = [];
  /** Whether no unit stands under the innermost heading yet. */
  #unused = false;
  #inFence = false;
  #keyBefore = '';

  /**
   * Goes on with a longer text; takes time linear in what is new.
   * @param text the whole text so far, which starts with the text of the last call
   * @param isComplete nothing will follow
   */
  extend(text: string, isComplete: boolean): void {
    this.#text = text;
    while (this.#at < text.length) {
      let lineEnd = text.indexOf('\n', this.#at);
      if (lineEnd < 0) {
        if (!isComplete) return;
        lineEnd = text.length;
      }
      this.#line(this.#at, lineEnd);
      this.#at = lineEnd + 1;
    }
    if (!isComplete) return;
    this.#endBlock(undefined);
    this.#close(0);
  }

  #line(start: number, end: number): void {
    const text = this.#text;
    while (start < end && isBlank(text.charCodeAt(start))) start += 1;
    while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
    if (start === end) {
      this.#blank = true;
      return;
    }
    if (this.#blank) this.#endBlock(text.slice(start, end));
    this.#blank = false;
    this.#lines.push({ start, end });
  }

  #endBlock(following: string | undefined): void {
    if (this.#lines.length > 0) this.#cut(new Block(this.#text, this.#lines, following));
    this.#lines = [];
  }

  #add(range: TextRange, kind: UnitKind, header = 0): void {
    const { start, lengthAndKind, placeFrom, placeHeading, placeHeader } = this.units.columns;
    const heading = this.#open.at(-1)?.number ?? 0;
    const place = placeFrom.length - 1;
    if (place < 0 || placeHeading.at(place) !== heading || placeHeader.at(place) !== header) {
      placeFrom.push(start.length);
      placeHeading.push(heading);
      placeHeader.push(header);
    }
    for (const part of shortened(this.#text, range.start, range.end)) {
      start.push(part.start);
      lengthAndKind.push((UNIT_KINDS.indexOf(kind) << LENGTH_BITS) | (part.end - part.start));
    }
    this.#unused = false;
  }

  #openHeading(range: TextRange, level: number): void {
    const nested = level === TITLE && this.#unused && this.#open.at(-1)!.level === TITLE;
    this.#close(nested ? SECOND_TITLE : level);
    const { headings } = this.units.columns;
    headings.push(range.start);
    headings.push(range.end);
    headings.push(this.#open.at(-1)?.number ?? 0);
    this.#open.push({ level: nested ? SECOND_TITLE : level, number: headings.length / 3 });
    this.#unused = true;
  }

  /** Ends the headings of a level and below. One that nothing stands under becomes a unit itself. */
  #close(level: number): void {
    const last = this.#open.at(-1);
    if (last && this.#unused && last.level >= level) {
      const { headings } = this.units.columns;
      const range = { start: headings.at(3 * last.number - 3), end: headings.at(3 * last.number - 2) };
      this.#open.pop();
      this.#add(range, 'line');
    }
    while (this.#open.length > 0 && this.#open.at(-1)!.level >= level) this.#open.pop();
  }

  #cut(block: Block): void {
    const { lines } = block;
    const firstLine = block.line(0);
    const key = firstLine.slice(0, firstLine.indexOf(':') + 1);
    if (this.#open.at(-1)?.level === LEAD_IN && !this.#unused && !MARKER.test(firstLine))
      this.#close(LEAD_IN);
    const isRecord = !this.#inFence && block.isRecord(key, this.#keyBefore);
    this.#keyBefore = key;
    if (isRecord) {
      this.#add({ start: lines[0]!.start, end: lines.at(-1)!.end }, 'row');
      return;
    }
    for (let i = 0; i < lines.length; ) i = this.#cutLine(block, i);
  }

  /** Takes one line of a block, and those that belong to it; gives the number of the next. */
  #cutLine(block: Block, i: number): number {
    const { lines } = block;
    const range = lines[i]!;
    const line = block.line(i);
    if (FENCE.test(line)) {
      this.#inFence = !this.#inFence;
      return i + 1;
    }
    if (!ALPHANUMERIC.test(line)) return i + 1;
    if (this.#inFence) {
      this.#add(range, 'line');
      return i + 1;
    }
    const markdown = MARKDOWN_HEADING.exec(line);
    if (markdown && line.length <= LONGEST_HEADING) {
      this.#openHeading({ start: range.start + markdown[0].length, end: range.end }, markdown[1]!.length);
      return i + 1;
    }
    const below = i + 1 < lines.length ? block.line(i + 1) : '';
    if (line.length <= 100 && !line.includes('|') && UNDERLINE.test(below) && !hasGap(line)) {
      this.#openHeading(range, below[0] === '=' ? 1 : 2);
      return i + 2;
    }
    const table = findTable(block, i);
    if (table) {
      let header = 0;
      if (table.header !== undefined) {
        const { headers } = this.units.columns;
        headers.push(range.start);
        headers.push(range.end);
        header = headers.length / 2;
      }
      for (let row = header ? i + 1 : i; row < table.last; row += 1) {
        if (ALPHANUMERIC.test(block.line(row))) this.#add(lines[row]!, table.pairs ? 'pair' : 'row', header);
      }
      return table.last;
    }
    if (i === 0 && block.startsWithTitle()) {
      this.#openHeading(range, TITLE);
      return 1;
    }
    const isItem = MARKER.test(line);
    let last = i;
    while (last + 1 < lines.length && block.isWrapped(last, isItem)) last += 1;
    const whole = { start: range.start, end: lines[last]!.end };
    const length = whole.end - whole.start;
    const goesOn = i + 1 < lines.length || block.following !== undefined;
    if (isItem && length <= (LONGEST * 3) / 4) this.#add(whole, 'item');
    else if (isItem) this.#addSentences(whole, 'item');
    else if (last === i && line.endsWith(':') && length <= 120 && goesOn) this.#openHeading(whole, LEAD_IN);
    else if (length <= 240 && PAIR.test(line)) this.#add(whole, 'pair');
    else this.#addSentences(whole, 'sentence');
    return last + 1;
  }

  #addSentences(whole: TextRange, kind: UnitKind): void {
    for (const sentence of sentences(this.#text, whole.start, whole.end)) {
      const isOnly = sentence.start === whole.start && sentence.end === whole.end;
      const isLine = kind === 'sentence' && isOnly && !LAST_OF_SENTENCE.includes(this.#text[whole.end - 1]!);
      this.#add(sentence, isLine ? 'line' : kind);
    }
  }
}

const LAST_OF_SENTENCE = '.!?\u2026"\'\u201d\u2019)\u3002\uff01\uff1f\u0964\u061f';

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The units of a reading text, in time linear in its length. */
export function cutUnits(text: string): Units {
  const cutter = new UnitCutter();
  cutter.extend(text, true);
  return cutter.units;
}
