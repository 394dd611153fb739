import { expect, test } from 'vitest';
import { readingText } from '../segments/reading-text.js';
import { QuoteIndex } from './bm25.js';
import { selectQuotes } from './select.js';
import { findSupport } from './support.js';
import { cutUnits } from './units.js';

const NAMES = [
  'Ada',
  'Bo',
  'Hull',
  'the river',
  'a kiln',
  'Mrs Osei',
  'copper',
  'seventeen people',
  'glaze',
  'Larch',
];
const VERBS = [
  'crossed',
  'was sold to',
  'is older than',
  'has replaced',
  'will not meet',
  'paid 1,250.00 for',
];

/** Prose, lists and a table by turns, some 100 bytes a unit, of at least this many characters. */
function document(characters: number): string {
  const parts: string[] = [];
  let state = 7;
  const pick = (list: readonly string[]) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return `${list[(state >>> 16) % list.length]} ${(state >>> 20) % 97 ? '' : `w${(state >>> 8).toString(36)} `}`;
  };
  const sentence = () =>
    `${pick(NAMES)}${pick(VERBS)}${pick(NAMES)}and ${pick(NAMES)}${pick(VERBS)}${pick(NAMES)}in 1987. `;
  for (let length = 0, i = 0; length < characters; i += 1) {
    const part =
      i % 9 === 8
        ? `Name | Town | Price\n${Array.from({ length: 8 }, () => `${pick(NAMES)}| ${pick(NAMES)}| 4.10`).join('\n')}`
        : i % 9 === 7
          ? Array.from({ length: 6 }, () => `- ${pick(NAMES)}${pick(VERBS)}${pick(NAMES)}`).join('\n')
          : `Section ${i}\n${Array.from({ length: 9 }, sentence).join('')}`;
    parts.push(part);
    length += part.length + 2;
  }
  return parts.join('\n\n');
}

/** Processor time in milliseconds, which other programs disturb less than the clock. */
function best(times: number, run: () => void): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i += 1) {
    const from = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(from);
    fastest = Math.min(fastest, (user + system) / 1000);
  }
  return fastest;
}

test('prints how fast a text is read, cut, indexed and asked', () => {
  const text = document(4_000_000);
  const megabytes = new TextEncoder().encode(text).length / 1e6;
  const rate = (milliseconds: number) => `${((megabytes * 1000) / milliseconds).toFixed(0)} MB/s`;
  const hidden = text.replaceAll(' the ', '\u00a0the\u00ad ');
  const short = document(300_000);
  const index = QuoteIndex.of(short);
  const count = (part: string) => Math.ceil(part.length / 4);
  const question =
    'What did Mrs Osei pay for the copper kiln in Hull, and when was it sold to seventeen people?';
  const attention = new Float64Array(index.units.length).map((_, i) => (i * 7919) % 1009);
  const quotes = selectQuotes(index, question, { budget: 128, count, attention });
  expect(quotes.length).toBeGreaterThan(0);
  console.log(
    [
      `reading text, nothing to change  ${rate(best(5, () => readingText(text)))}`,
      `reading text, much to change     ${rate(best(5, () => readingText(hidden)))}`,
      `units                            ${rate(best(5, () => cutUnits(text)))}`,
      `units and index                  ${rate(best(5, () => QuoteIndex.of(text)))}`,
      `scores, 300 kB                   ${best(20, () => index.scores(question)).toFixed(2)} ms`,
      `selection, 300 kB, no attention  ${best(20, () => selectQuotes(index, question, { budget: 128, count })).toFixed(2)} ms`,
      `selection, 300 kB                ${best(20, () => selectQuotes(index, question, { budget: 128, count, attention })).toFixed(2)} ms`,
      `support, 300 kB                  ${best(5, () => findSupport('Ada paid 999 for Larchmont', short, quotes)).toFixed(2)} ms`,
    ].join('\n'),
  );
});

const LENGTH = 300_000;
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
  const from = performance.now();
  const text = readingText(repeated(part)).text;
  const index = QuoteIndex.of(text);
  const count = (one: string) => Math.ceil(one.length / 4);
  const quotes = selectQuotes(index, `${part} a word`, { budget: 64, count });
  findSupport(`${part} A1 Word`, text, quotes);
  // Quadratic time would be minutes.
  expect(performance.now() - from).toBeLessThan(5000);
});
