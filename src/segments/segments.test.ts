import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isBlank, normalise } from './normalise.js';
import { planSegments, sourceTexts } from './plan.js';
import { readingText } from './reading-text.js';

interface Vector {
  name: string;
  text: string;
  segment_length: number;
  segments: string[];
}

const vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as {
  cases: Vector[];
};

/** The stand-in tokeniser of the vectors: one token per code point. */
const codePoints = (text: string) => Array.from(text, (character) => character.codePointAt(0)!);
const texts = (text: string, limit: number) => planSegments(text, codePoints, limit).map((s) => s.text);

describe('the vectors shared with training', () => {
  test.each(vectors.cases)('$name', ({ text, segment_length, segments }) => {
    expect(texts(text, segment_length)).toEqual(segments);
  });
});

const word = fc.string({ minLength: 1, maxLength: 9, unit: 'grapheme' });
const separator = fc.constantFrom(' ', ' ', ' ', '. ', '! ', '\n', '\n\n', '\r\n', '。', '\u3000', '…” ');
const prose = fc.array(fc.tuple(word, separator), { maxLength: 120 }).map((pairs) => pairs.flat().join(''));

describe('any text', () => {
  test('its segments, joined, are the normalised text', () => {
    fc.assert(
      fc.property(fc.oneof(prose, fc.string({ unit: 'binary', maxLength: 2000 })), (text) => {
        expect(texts(text, 16).join('')).toBe(normalise(text));
      }),
    );
  });

  test('no segment is longer than the limit, where slices of a word fit into it', () => {
    fc.assert(
      fc.property(prose, fc.integer({ min: 128, max: 300 }), (text, limit) => {
        for (const segment of planSegments(text, codePoints, limit)) {
          expect(segment.ids.length).toBeGreaterThan(0);
          expect(segment.ids.length).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  test('the token ids of a segment are those of its text, for a tokeniser that ignores context', () => {
    fc.assert(
      fc.property(prose, (text) => {
        for (const segment of planSegments(text, codePoints, 40)) {
          expect(segment.ids).toEqual(codePoints(segment.text));
        }
      }),
    );
  });
});

describe('an inserted sentence', () => {
  const sentences = Array.from(
    { length: 400 },
    (_, i) => `Sentence ${(i * 7919) % 1009} tells of ${((i * 104729) % 997).toString(36)} and more.`,
  );

  test.each([0, 57, 200, 399])('after sentence %i changes at most three segments', (place) => {
    const before = texts(sentences.join(' '), 256);
    const changed = [...sentences.slice(0, place), 'A new one comes in here.', ...sentences.slice(place)];
    const after = texts(changed.join(' '), 256);
    const kept = new Set(before);
    expect(before.length).toBeGreaterThan(40);
    expect(after.filter((segment) => !kept.has(segment)).length).toBeLessThanOrEqual(3);
  });
});

describe('segments of a reading text', () => {
  const hidden = fc.constantFrom('\u00ad', '\u200b', '\u00a0', '\ufb03', '\u00ad\n', '\ufeff', '\u200f', '');
  const source = fc
    .array(fc.tuple(word, hidden, separator, hidden), { maxLength: 80 })
    .map((parts) => normalise(parts.flat().join('')));
  const parts = (text: string) => {
    const reading = readingText(text);
    const segments = planSegments(reading.text, codePoints, 200);
    return { segments, own: sourceTexts(segments, reading, text) };
  };

  test('are joined the source, where anything of it is read', () => {
    fc.assert(
      fc.property(source, (text) => {
        const { segments, own } = parts(text);
        if (segments.length > 0) expect(own.join('')).toBe(text);
      }),
    );
  });

  test('are read again as the same text each', () => {
    fc.assert(
      fc.property(source, (text) => {
        const { segments, own } = parts(text);
        expect(own.map((one) => readingText(one).text)).toEqual(segments.map((segment) => segment.text));
      }),
      { numRuns: 3000 },
    );
  });
});

test('white space is blank, a NUL is not', () => {
  expect(isBlank('')).toBe(true);
  expect(isBlank(' \t\n\u00a0\u3000')).toBe(true);
  expect(isBlank('\ufeff\u00ad\u200b\u200d\u0085\u1680')).toBe(true);
  expect(isBlank(' \0 ')).toBe(false);
});
