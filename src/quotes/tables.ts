// Tables in plain text: Markdown, `a | b`, tabs, commas or semicolons, columns that stand under each other. The Python twin
// is training/gmsa_quotes/units.py.
import { ALPHANUMERIC, type Block } from './line-forms.js';
import { LONGEST } from './shortened.js';

/** Rows of a table: lines [first, last) of its block, the header row among them. */
export interface Table {
  last: number;
  /** The line that names the columns. */
  header: number | undefined;
  /** Two columns of keys and values, without a header. */
  pairs: boolean;
}

const RULE = /^[|+:= \t-]+$/;
const GAP = /[^ ](?: {2,}|[ \t]{0,3}\.{3,}[ \t]{0,3}|[ \t]{0,3}_{3,}[ \t]{0,3})[^ ]/;
const CELL_GAP = / {2,}|[ \t]{0,3}\.{3,}[ \t]{0,3}|[ \t]{0,3}_{3,}[ \t]{0,3}/;
const NUMERIC = /^[ \t"'(*+\u2212$\xa3\u20ac\xa5#-]{0,4}[0-9]/;

export function hasGap(line: string): boolean {
  return GAP.test(line);
}

/** The table that starts at a line of a block. A long run of lines is always one, so no line is looked at often. */
export function findTable(block: Block, first: number): Table | undefined {
  if (first + 1 >= block.lines.length) return undefined;
  const line = block.line(first);
  const second = block.line(first + 1);
  if (line.includes('|') && second.includes('|')) {
    const ruled = second.includes('-') && RULE.test(second);
    const count = occurrences(line, '|');
    const last = run(block, first, (row) => row.includes('|') && (ruled || occurrences(row, '|') === count));
    return table(block, first, last, '|', ruled);
  }
  if (line.includes('\t') && second.includes('\t')) {
    const count = occurrences(line, '\t');
    const last = run(block, first, (row) => occurrences(row, '\t') === count);
    return table(block, first, last, '\t', false);
  }
  for (const delimiter of [';', ',']) {
    const count = delimiters(line, delimiter);
    if (count === 0 || delimiters(second, delimiter) !== count) continue;
    if ('.;{,'.includes(second.at(-1)!) || hasGap(second)) continue;
    const spaced = Math.max(occurrences(line, `${delimiter} `), occurrences(second, `${delimiter} `));
    const tight = spaced * 2 <= count;
    if (!tight && count === 1) continue;
    const last = run(block, first, (row) => delimiters(row, delimiter) === count);
    if (last - first >= (tight && count > 1 ? 2 : 3)) return table(block, first, last, delimiter, false);
  }
  if (hasGap(line) && (hasGap(second) || !ALPHANUMERIC.test(second))) {
    const last = run(block, first, (row) => hasGap(row) || !ALPHANUMERIC.test(row));
    return table(block, first, last, CELL_GAP, false);
  }
  return undefined;
}

function table(block: Block, first: number, last: number, delimiter: string | RegExp, ruled: boolean) {
  if (last - first < 2) return undefined;
  const cells = block.line(first).split(delimiter);
  let named = ruled;
  let pairs = false;
  if (delimiter === CELL_GAP) {
    named = !ALPHANUMERIC.test(block.line(first + 1));
    if (!named && cells.length === 2) {
      // Two columns without a rule are keys and values, unless only the first line's value is no number.
      named = !NUMERIC.test(cells[1]!);
      for (let i = first + 1; i < Math.min(last, first + 9); i += 1) {
        named &&= NUMERIC.test(block.line(i).split(CELL_GAP).at(-1)!);
      }
      pairs = !named;
    }
  }
  const isHeader = named || !cells.some((cell) => NUMERIC.test(cell));
  const hasRows = block.lines
    .slice(first + 1, last)
    .some((_, i) => ALPHANUMERIC.test(block.line(first + 1 + i)));
  const header = hasRows && !pairs && isHeader && block.line(first).length <= LONGEST ? first : undefined;
  return { last, header, pairs };
}

function run(block: Block, first: number, belongs: (line: string) => boolean): number {
  let last = first;
  while (last < block.lines.length && belongs(block.line(last))) last += 1;
  return last;
}

function occurrences(line: string, part: string): number {
  let count = 0;
  for (let at = line.indexOf(part); at >= 0; at = line.indexOf(part, at + part.length)) count += 1;
  return count;
}

/** Delimiters outside quotation marks. */
function delimiters(line: string, delimiter: string): number {
  if (!line.includes('"')) return occurrences(line, delimiter);
  return line
    .split('"')
    .filter((_, i) => i % 2 === 0)
    .reduce((count, part) => count + occurrences(part, delimiter), 0);
}
