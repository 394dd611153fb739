import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GmsaError } from '../errors.js';
import { normalise } from '../segments/normalise.js';
import { readingText } from '../segments/reading-text.js';
import { fuse, QuoteIndex } from './bm25.js';
import { indexFromBytes, indexToBytes } from './index-file.js';
import { renderQuotes, selectQuotes } from './select.js';
import { LONGEST } from './shortened.js';
import { findSupport } from './support.js';
import { UnitCutter } from './units.js';

const count = (text: string) => Math.ceil(text.length / 4);

const piece = fc.constantFrom(
  ...[
    '\n',
    '\n',
    '\n\n',
    ' ',
    '  ',
    '. ',
    '? ',
    '! "',
    'word',
    'Word ',
    'The ',
    'U.S.',
    '1',
    '1. ',
    '- ',
    '# ',
    '|',
  ],
  ...[
    ' | ',
    '---',
    '\t',
    ',',
    ', ',
    ';',
    ': ',
    ' = ',
    '```\n',
    '===\n',
    '\u00ad',
    '\u200b',
    '\u200d',
    '\ufb01',
  ],
  ...[
    '\u00a0',
    '\r\n',
    '😀',
    '\ud83d',
    '\udc00',
    '。',
    '長',
    'é',
    '"',
    '(',
    ')',
    '....',
    '12:30',
    '1,234.50 ',
  ],
  ...['x'.repeat(150), 'a long clause of words, '.repeat(12), '長い'.repeat(99)],
);
const anyText = fc.oneof(
  fc.array(piece, { maxLength: 80 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 })
    .map((units) => String.fromCharCode(...units)),
);
const readable = anyText.map((text) => readingText(text).text);

describe('reading text', () => {
  test('has nothing more to change, and passes through the normalisation of segments', () => {
    fc.assert(
      fc.property(anyText, (source) => {
        const { text } = readingText(source);
        expect(readingText(text).text).toBe(text);
        expect(normalise(text)).toBe(text);
      }),
    );
  });

  test('maps every place to the source, in order, and unchanged characters to themselves', () => {
    fc.assert(
      fc.property(anyText, (source) => {
        const read = readingText(source);
        const wellFormed = source.toWellFormed();
        let before = 0;
        for (let i = 0; i < read.text.length; i += 1) {
          const place = read.toSource(i, i + 1);
          expect(place.start).toBeGreaterThanOrEqual(before);
          expect(place.end).toBeGreaterThan(place.start);
          expect(place.end).toBeLessThanOrEqual(source.length);
          before = place.start;
          // Only spaces, line ends and ligatures are replaced, none of which is ASCII.
          if (/[!-~]/.test(wellFormed[place.start]!)) expect(read.text[i]).toBe(wellFormed[place.start]);
        }
      }),
    );
  });

  test('is the same string, and places stay, where nothing changes', () => {
    const source = 'Nothing – to “change” here.\n';
    const read = readingText(source);
    expect(read.text).toBe(source);
    expect(read.toSource(3, 9)).toEqual({ start: 3, end: 9 });
  });
});

describe('units of any text', () => {
  test('stand in order, do not overlap, have no white space at their ends, and are not too long', () => {
    fc.assert(
      fc.property(readable, (text) => {
        const { units } = QuoteIndex.of(text);
        let last = 0;
        for (let i = 0; i < units.length; i += 1) {
          const { start, end, headings, header } = units.at(i);
          expect(start).toBeGreaterThanOrEqual(last);
          expect(end).toBeGreaterThan(start);
          expect(end - start).toBeLessThanOrEqual(LONGEST);
          expect(text[start]).not.toMatch(/[ \t\n]/);
          expect(text[end - 1]).not.toMatch(/[ \t\n]/);
          for (const above of [...headings, ...(header ? [header] : [])]) {
            expect(above.end).toBeGreaterThanOrEqual(above.start);
            expect(above.end).toBeLessThanOrEqual(start);
          }
          last = end;
        }
      }),
    );
  });

  test('lose no letter or digit: each stands in a unit, a heading or a header', () => {
    fc.assert(
      fc.property(readable, (text) => {
        const { units } = QuoteIndex.of(text);
        const covered = new Set<number>();
        for (let i = 0; i < units.length; i += 1) {
          const { headings, header, ...unit } = units.at(i);
          for (const { start, end } of [unit, ...headings, ...(header ? [header] : [])]) {
            for (let at = start; at < end; at += 1) covered.add(at);
          }
        }
        // The language after a fence is not text.
        for (const { 0: word, index } of text
          .replace(/^[ \t]*(```|~~~).*$/gm, (line) => ' '.repeat(line.length))
          .matchAll(/[a-z0-9]/gi)) {
          expect(covered.has(index), `${word} at ${index}`).toBe(true);
        }
      }),
    );
  });

  test('are the same when the text grows bit by bit', () => {
    fc.assert(
      fc.property(readable, fc.array(fc.nat(400), { maxLength: 6 }), (text, cuts) => {
        const cutter = new UnitCutter();
        for (const cut of cuts.sort((a, b) => a - b)) cutter.extend(text.slice(0, cut), false);
        cutter.extend(text, true);
        const { units } = QuoteIndex.of(text);
        expect(Array.from({ length: cutter.units.length }, (_, i) => cutter.units.at(i))).toEqual(
          Array.from({ length: units.length }, (_, i) => units.at(i)),
        );
      }),
    );
  });
});

describe('selection', () => {
  test('keeps to its budget, and quotes what stands in the text, in order', () => {
    fc.assert(
      fc.property(
        readable,
        anyText,
        fc.integer({ min: 1, max: 200 }),
        fc.boolean(),
        (text, question, budget, fused) => {
          const index = QuoteIndex.of(text);
          const attention = fused
            ? Array.from({ length: index.units.length }, (_, i) => (i * 7) % 5)
            : undefined;
          const quotes = selectQuotes(index, question, { budget, count, ...(attention && { attention }) });
          let last = 0;
          for (const quote of quotes) {
            expect(quote.start).toBeGreaterThanOrEqual(last);
            expect(text.slice(quote.start, quote.end)).toBe(quote.text);
            last = quote.end;
          }
          expect(count(renderQuotes(quotes))).toBeLessThanOrEqual(budget);
          findSupport(question, text, quotes);
        },
      ),
    );
  });

  const text = `${'Filler stands here and says little. '.repeat(30)}The kiln is in Hull. It is old.`;
  const index = QuoteIndex.of(text);

  test('gives no quotes where no word of the question stands in the text, unless there is attention', () => {
    expect(selectQuotes(index, 'Zebra?', { budget: 20, count })).toEqual([]);
    const attention = Array.from({ length: index.units.length }, (_, i) => (i === 30 ? 1 : 0));
    const quotes = selectQuotes(index, 'Zebra?', { budget: 20, count, attention });
    expect(quotes.map((quote) => quote.text)).toEqual(['The kiln is in Hull.']);
  });

  test('gives a text that fits whole', () => {
    expect(renderQuotes(selectQuotes(index, 'Zebra?', { budget: 1000, count }))).toBe(text);
  });

  test('fuses by reciprocal rank; a score of 0 has no rank', () => {
    expect([
      ...fuse([
        [3, 0, 5],
        [0, 1, 2],
      ]),
    ]).toEqual([1 / 12, 1 / 12, 1 / 11 + 1 / 11]);
  });
});

describe('an index as bytes', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(readable, (text) => {
        const index = QuoteIndex.of(text);
        const opened = indexFromBytes(indexToBytes(index), text);
        expect([...opened.scores(text)]).toEqual([...index.scores(text)]);
        for (let i = 0; i < index.units.length; i += 1) expect(opened.units.at(i)).toEqual(index.units.at(i));
      }),
    );
  });

  test('is refused when it is damaged or belongs to another text, and never read past its end', () => {
    const text = '# Kiln\n\n- hot\n- old\n\na | b\nc | d';
    const bytes = indexToBytes(QuoteIndex.of(text));
    expect(() => indexFromBytes(bytes, `${text}.`)).toThrow(GmsaError);
    expect(() => indexFromBytes(bytes.subarray(0, -1), text)).toThrow(GmsaError);
    expect(() => indexFromBytes(new Uint8Array(3), text)).toThrow(GmsaError);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = bytes.slice();
        damaged[at]! ^= change;
        let opened: QuoteIndex;
        try {
          opened = indexFromBytes(damaged, text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'CORRUPT_FILE' });
          return;
        }
        selectQuotes(opened, 'How hot is c?', { budget: 5, count });
      }),
    );
  });

  test('takes less than the text', () => {
    const sentences = Array.from(
      { length: 900 },
      (_, i) => `Sentence ${i} says that kiln ${i % 7} was sold in Hull.`,
    );
    const text = sentences.join(' ');
    expect(indexToBytes(QuoteIndex.of(text)).length).toBeLessThan(text.length);
  });
});
