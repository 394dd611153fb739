import { expect, test } from 'vitest';
import { readingText } from '../segments/reading-text.js';
import { QuoteIndex } from './bm25.js';
import { selectQuotes } from './select.js';
import { findSupport } from './support.js';

/** Quadratic time would take minutes for so many characters, and the test time out. */
const LENGTH = 100_000;
const repeated = (part: string) => part.repeat(Math.ceil(LENGTH / part.length));

test.each(
  [
    'x',
    ' ',
    '\t',
    '.',
    '!x',
    '. ',
    '-',
    '|',
    '_',
    '0',
    '1,',
    'a,b;\n',
    'a, b;\n',
    'a | b\n\n',
    'a\tb\n',
    'a:\n',
    'a: b\n\n',
    '# a\n',
    '#',
    '```\n',
    '"',
    '\n',
    '長',
    '。',
    '😀',
    '\u00ad',
    '\u200d',
    '\r',
    'word ',
    'Word Word.\n',
    '- a\n  ',
    'a  b\n',
    'a b c d e f g h i j k l\nm n ',
    ' \n',
    '(',
    'A.',
    'U.S. ',
    'y',
  ].map((part) => [part]),
)('a long run of %j takes linear time', (part) => {
  const text = readingText(repeated(part)).text;
  const index = QuoteIndex.of(text);
  const count = (one: string) => Math.ceil(one.length / 4);
  const quotes = selectQuotes(index, `${part} a word`, { budget: 64, count });
  const support = findSupport(`${part} A1 Word`, text, quotes);
  expect(support.isSupported).toBe(false); // the text has no A1
});
