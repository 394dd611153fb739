// Whether an answer stands in its source word for word. The Python twin is training/gmsa_quotes/support.py;
// vectors.json pins both.
import type { TextRange } from './line-forms.js';
import { NOT_ASCII, plainNumber, STOP, WORD_PATTERN } from './terms.js';

/** A number (or a code with digits in it) or a name in an answer; `start` and `end` are places in the answer. */
export interface SupportedPart extends TextRange {
  text: string;
  kind: 'number' | 'name';
  /** Where the part stands in the source. */
  source: TextRange | undefined;
}

/**
 * Whether an answer, and its numbers and names, stand in the text that it was read from. Each `source` is a place in that
 * text: of an answer of `Gmsa#ask`, in the context's.
 */
export interface AnswerSupport {
  /** Where the whole answer stands in the source, word for word. */
  source: TextRange | undefined;
  /** The numbers and names of the answer, in its order. */
  parts: SupportedPart[];
  /** The whole answer stands in the source, or it has numbers and names and all of them do. */
  isSupported: boolean;
}

/** One word as it is compared, and where it stands. */
interface Word extends TextRange {
  key: string;
}

const CHUNK = /[^ \n\t]+/g;
const DIGIT = /[0-9]/;
/** In these an answer says something about the source that stands nowhere in it. */
const VERDICTS = new Set(['yes', 'no']);
const ENDS_NAME = /[,;:.!?)\]"\u201d]$/;
const INITIAL = /^[A-Z]\.$/;

/**
 * Looks for an answer, and for each number and name in it, in the text that it was read from. Case, white space,
 * punctuation and full width do not matter; numbers are equal whatever their separators ("1,250.00", "1250", "1.250,00"),
 * unless those can be read in two ways ("1.250"). Of several places the first inside a quote counts, else the first.
 * @param source the reading text; all places are UTF-16 code units in it
 */
export function findSupport(
  answer: string,
  source: string,
  quotes: readonly TextRange[] = [],
): AnswerSupport {
  const finder = new Finder(source, quotes);
  const words = wordsIn(answer, 0, answer.length);
  const isVerdict = words.length === 1 && VERDICTS.has(words[0]!.key);
  const whole = isVerdict ? undefined : finder.find(words);
  const parts = partsOf(answer).map((part): SupportedPart => {
    const place = finder.find(wordsIn(answer, part.start, part.end));
    return { ...part, text: answer.slice(part.start, part.end), source: place };
  });
  const isSupported = whole !== undefined || (parts.length > 0 && parts.every((part) => part.source));
  return { source: whole, parts, isSupported };
}

class Finder {
  readonly #stretches: (() => Word[])[];

  constructor(source: string, quotes: readonly TextRange[]) {
    this.#stretches = [...quotes, { start: 0, end: source.length }].map(({ start, end }) => {
      let words: Word[] | undefined;
      return () => {
        words ??= wordsIn(source, start, end);
        return words;
      };
    });
  }

  find(wanted: readonly Word[]): TextRange | undefined {
    if (wanted.length === 0) return undefined;
    for (const read of this.#stretches) {
      const words = read(); // the whole source only where no quote has it
      for (let i = 0; i + wanted.length <= words.length; i += 1) {
        if (!wanted.every(({ key }, k) => words[i + k]!.key === key)) continue;
        return { start: words[i]!.start, end: words[i + wanted.length - 1]!.end };
      }
    }
    return undefined;
  }
}

function wordsIn(text: string, start: number, end: number): Word[] {
  const words: Word[] = [];
  const expression = new RegExp(WORD_PATTERN, 'g');
  const part = text.slice(start, end);
  for (let found = expression.exec(part); found; found = expression.exec(part)) {
    const [word] = found;
    words.push({ key: keyOf(word), start: start + found.index, end: start + found.index + word.length });
  }
  return words;
}

function keyOf(word: string): string {
  if (!DIGIT.test(word[0]!)) return (NOT_ASCII.test(word) ? word.normalize('NFKC') : word).toLowerCase();
  // One full stop before three digits: thousands or thousandths.
  return /^[1-9][0-9]{0,2}\.[0-9]{3}$/.test(word) ? word : plainNumber(word);
}

function partsOf(answer: string): { start: number; end: number; kind: 'number' | 'name' }[] {
  const parts: { start: number; end: number; kind: 'number' | 'name' }[] = [];
  let goesOn = false; // whether the next capitalised word belongs to the name before it
  for (const { 0: chunk, index } of answer.matchAll(CHUNK)) {
    const words = wordsIn(answer, index, index + chunk.length);
    const first = words[0];
    if (!first) {
      goesOn = false;
      continue;
    }
    const end = words.at(-1)!.end;
    const initial = answer[first.start]!;
    const isName =
      initial !== initial.toLowerCase() && (goesOn || !(STOP.has(first.key) || VERDICTS.has(first.key)));
    if (DIGIT.test(chunk)) {
      parts.push({ start: first.start, end, kind: 'number' });
      goesOn = false;
    } else if (isName) {
      if (goesOn) parts.at(-1)!.end = end;
      else parts.push({ start: first.start, end, kind: 'name' });
      goesOn = !ENDS_NAME.test(chunk) || INITIAL.test(chunk);
    } else goesOn = false;
  }
  return parts;
}
