// What the model reads of a reader's text, and where each part of it stands there. The Python twin is
// training/gmsa_quotes/reading_text.py; src/quotes/vectors.json pins both.

/**
 * Between two such characters a zero-width joiner or non-joiner carries meaning (Persian, Indic scripts, emoji); beside
 * Latin letters, spaces, or the ligatures of PDFs it does not.
 */
const KEEPS_JOINER = /[\u0300-\u061b\u061d-\u1fff\u2070-\u2fff\u3001-\ufaff\ufb07-\ufefe\uff00-\uffff]/;

/** Any character that may be changed, or that a change begins with: most texts have none. */
const ANY =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: U+000B to U+000D are what is looked for
  /[\x0b-\r\x85\xa0\xad\u061c\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u2069\u3000\ufb00-\ufb06\ufeff]/;

const CHANGED = new RegExp(
  [
    '(?<hyphen>\\xad+(?:[ \\t]{0,4}(?:\\r\\n?|\\n)[ \\t]{0,8}(?=[a-z\\xdf-\\xff\\u0430-\\u045f]))?)',
    '(?<hidden>[\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufeff]+)',
    '(?<joiner>[\\u200c\\u200d]+)',
    '(?<line>\\r\\n?|[\\x0b\\x0c\\x85\\u2028\\u2029])',
    '(?<space>[\\xa0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000])',
    '(?<ligature>[\\ufb00-\\ufb06])',
  ].join('|'),
  'g',
);
const LIGATURES = ['ff', 'fi', 'fl', 'ffi', 'ffl', 'st', 'st'];

/** One change of length: from where to where it goes in the reading text and in the source. */
interface Change {
  start: number;
  end: number;
  sourceStart: number;
  sourceEnd: number;
}

/** The text that is read, and the places where it is shorter or longer than the reader's own. */
export class ReadingText {
  readonly text: string;
  readonly #changes: readonly Change[];

  constructor(text: string, changes: readonly Change[] = []) {
    this.text = text;
    this.#changes = changes;
  }

  /**
   * The place in the source of `text.slice(start, end)`, in UTF-16 code units. Removed characters at its ends are left
   * out; a ligature that is touched is taken whole.
   */
  toSource(start: number, end: number): { start: number; end: number } {
    const first = this.#startInSource(start);
    return { start: first, end: end <= start ? first : this.#endInSource(end) };
  }

  #startInSource(at: number): number {
    const next = this.#firstChange((change) => change.end > at);
    const change = this.#changes[next];
    if (change && change.start < at) return change.sourceStart;
    return at + this.#shiftAfter(next - 1);
  }

  #endInSource(at: number): number {
    const last = this.#firstChange((change) => change.start >= at) - 1;
    const change = this.#changes[last];
    if (change && at < change.end) return change.sourceEnd;
    return at + this.#shiftAfter(last);
  }

  #shiftAfter(index: number): number {
    const change = this.#changes[index];
    return change ? change.sourceEnd - change.end : 0;
  }

  /** Number of the first change that `holds`, which holds for all after it. */
  #firstChange(holds: (change: Change) => boolean): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(this.#changes[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/**
 * Normalises a text for reading. A text without anything to change comes back as the same string.
 *
 * Contains `normalise` (line ends become line feeds, lone surrogates U+FFFD), so its result passes through that
 * unchanged. Besides: soft hyphens (with the line end after them, where the word goes on), zero-width spaces, byte order
 * marks, and controls of direction vanish; joiners vanish where they mean nothing; other line separators become line
 * feeds; every Unicode space becomes a space; the Latin ligatures become their letters. A plain hyphen at the end of a
 * line stays: whether it belongs to the word cannot be known.
 */
export function readingText(source: string): ReadingText {
  const text = source.isWellFormed() ? source : source.toWellFormed();
  if (!ANY.test(text)) return new ReadingText(text);
  const changes: Change[] = [];
  const parts: string[] = [];
  let copied = 0;
  let shift = 0; // of the reading text against the source
  for (const found of text.matchAll(CHANGED)) {
    const sourceStart = found.index;
    const sourceEnd = sourceStart + found[0].length;
    const { joiner, line, space, ligature } = found.groups!;
    if (joiner && KEEPS_JOINER.test(text[sourceStart - 1] ?? '') && KEEPS_JOINER.test(text[sourceEnd] ?? ''))
      continue;
    let read = '';
    if (line) read = '\n';
    else if (space) read = ' ';
    else if (ligature) read = LIGATURES[ligature.charCodeAt(0) - 0xfb00]!;
    parts.push(text.slice(copied, sourceStart), read);
    copied = sourceEnd;
    if (read.length !== found[0].length) {
      const start = sourceStart + shift;
      changes.push({ start, end: start + read.length, sourceStart, sourceEnd });
      shift += read.length - found[0].length;
    }
  }
  if (parts.length === 0) return new ReadingText(text);
  parts.push(text.slice(copied));
  return new ReadingText(parts.join(''), changes);
}
