// How fast a text is read, cut, indexed and asked in Node: npm run bench:quotes (after npm run build).
import { QuoteIndex } from '../dist/quotes/bm25.js';
import { selectQuotes } from '../dist/quotes/select.js';
import { findSupport } from '../dist/quotes/support.js';
import { cutUnits } from '../dist/quotes/units.js';
import { readingText } from '../dist/segments/reading-text.js';

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
function document(characters) {
  const parts = [];
  let state = 7;
  const pick = (list) => {
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
function best(times, run) {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i += 1) {
    const from = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(from);
    fastest = Math.min(fastest, (user + system) / 1000);
  }
  return fastest;
}

const text = document(4_000_000);
const hidden = text.replaceAll(' the ', '\u00a0the\u00ad ');
const short = document(300_000);
const index = QuoteIndex.of(short);
const budget = { budget: 128, count: (part) => Math.ceil(part.length / 4) };
const question =
  'What did Mrs Osei pay for the copper kiln in Hull, and when was it sold to seventeen people?';
const attention = new Float64Array(index.units.length).map((_, i) => (i * 7919) % 1009);
const quotes = selectQuotes(index, question, { ...budget, attention });
const speed = (run) => `${(Buffer.byteLength(text) / 1000 / best(5, run)).toFixed(0)} MB/s`;
const time = (run) => `${best(20, run).toFixed(2)} ms`;

console.log(`reading text, nothing to change   ${speed(() => readingText(text))}
reading text, much to change      ${speed(() => readingText(hidden))}
units                             ${speed(() => cutUnits(text))}
units and index                   ${speed(() => QuoteIndex.of(text))}
scores, 300 kB                    ${time(() => index.scores(question))}
selection, 300 kB                 ${time(() => selectQuotes(index, question, budget))}
selection with attention, 300 kB  ${time(() => selectQuotes(index, question, { ...budget, attention }))}
support of a wrong answer, 300 kB ${time(() => findSupport('Ada paid 999 for Larchmont', short, quotes))}`);
