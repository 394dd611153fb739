// The words of a text as they are looked for. The Python twin is training/gmsa_quotes/bm25.py.
import { stem } from './stemmer.js';

export const STOP = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to ' +
    'was will with what which who whom whose when where why how did do does has have had s t'
  ).split(' '),
);

/**
 * Documents name what they state by a noun, where a question asks with another word: "How heavy is it?" for "Weight: 3 kg".
 */
const NAMED: Record<string, string> = {
  long: 'length duration',
  heavy: 'weight',
  weigh: 'weight',
  tall: 'height',
  high: 'height',
  wide: 'width',
  thick: 'thickness',
  deep: 'depth',
  old: 'age',
  fast: 'speed',
  far: 'distance',
  big: 'size',
  large: 'size',
  much: 'price total',
  cost: 'price',
  expensive: 'price',
  pay: 'payment total',
  many: 'number quantity',
  people: 'person',
  born: 'birth',
  die: 'death',
  died: 'death',
  when: 'date',
  where: 'address location',
  who: 'name',
  called: 'name',
  phone: 'telephone tel',
  no: 'none',
  not: 'none',
};
const NAMED_WEIGHT = 0.5;
const MOST_ASKED = 64;

/**
 * Letters by block, not by category: categories grow with every version of Unicode. One letter of a script that is written
 * without spaces is a word of its own.
 */
const SINGLE =
  '\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u2e80-\\u2fdf\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u4dbf' +
  '\\u4e00-\\u9fff\\uf900-\\ufaff';
const LETTER =
  'a-zA-Z\\xaa\\xb5\\xba\\xc0-\\xd6\\xd8-\\xf6\\xf8-\\u0dff\\u0f00-\\u0fff\\u10a0-\\u177f\\u1800-\\u1fff\\u20d0-\\u218f' +
  '\\u2c00-\\u2dff\\u3100-\\u33ff\\ua000-\\uf8ff\\ufb00-\\ufdff\\ufe70-\\ufeff\\uff10-\\uff19\\uff21-\\uff3a' +
  '\\uff41-\\uff5a\\uff66-\\uffef';
export const WORD_PATTERN = `[0-9]+(?:[.,][0-9]+)*|[${LETTER}][${LETTER}0-9]*|[${SINGLE}]`;
const WORD = new RegExp(WORD_PATTERN, 'g');
const ASCII_WORD = /[a-zA-Z][a-zA-Z0-9]*/g;
export const NOT_ASCII = /[\x80-\uffff]/;

/** The words of a text as they stand. */
export function wordsOf(text: string): string[] {
  return text.match(WORD) ?? [];
}

/** The terms of a text, in order: stems in lower case without accents, plain numbers; stop words are left out. */
export function terms(text: string): string[] {
  return wordsOf(text)
    .map(term)
    .filter((one) => one !== '');
}

/** The term of a word as it stands in a text; empty for a stop word. */
export function term(word: string): string {
  if (word[0]! >= '0' && word[0]! <= '9') return plainNumber(word);
  const lowered = (NOT_ASCII.test(word) ? withoutMarks(word) : word).toLowerCase();
  return STOP.has(lowered) ? '' : stem(lowered);
}

function withoutMarks(word: string): string {
  return word.normalize('NFKD').replace(/[\u0300-\u036f]/g, '');
}

/**
 * Digits with separators, as one writes them everywhere: "1,234.50", "1.234,50" and "1234.5" become "1234.5". One
 * separator before three digits is taken for thousands. Dates and versions ("2.10.2024") keep their parts.
 */
export function plainNumber(number: string): string {
  const parts = number.split(/[.,]/);
  if (parts.length === 1) return number;
  const separators = number.replace(/[0-9]/g, '');
  const last = separators.at(-1)!;
  const before = separators.slice(0, -1);
  const isUniform = (list: string) => new Set(list).size <= 1;
  const grouped =
    parts[0]!.length <= 3 && parts[0] !== '0' && parts.slice(1, -1).every((part) => part.length === 3);
  let fraction = '';
  if (!(parts.at(-1)!.length === 3 && isUniform(separators) && grouped)) {
    if (!(grouped && !before.includes(last) && isUniform(before)) && parts.length !== 2)
      return parts.join('.');
    fraction = withoutLastZeros(parts.pop()!);
  }
  return parts.join('') + (fraction === '' ? '' : `.${fraction}`);
}

/** A loop, since `/0+$/` takes time quadratic in a long run of zeros. */
function withoutLastZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}

/** What a question looks for, with weights: its terms, then the nouns that documents use for them. */
export function askedTerms(question: string): Map<string, number> {
  const asked = new Map(terms(question).map((one) => [one, 1]));
  for (const word of question.match(ASCII_WORD) ?? []) {
    const lowered = word.toLowerCase();
    if (!Object.hasOwn(NAMED, lowered)) continue;
    for (const noun of NAMED[lowered]!.split(' ')) {
      const named = stem(noun);
      if (!asked.has(named)) asked.set(named, NAMED_WEIGHT);
    }
  }
  return new Map([...asked].slice(0, MOST_ASKED));
}
