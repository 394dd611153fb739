import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readingText } from '../segments/reading-text.js';
import { QuoteIndex } from './bm25.js';
import { renderQuotes, selectQuotes } from './select.js';
import { stem } from './stemmer.js';
import { findSupport } from './support.js';
import { askedTerms, plainNumber, terms } from './terms.js';
import { cutUnits } from './units.js';

type Place = [start: number, end: number];

interface Vectors {
  reading: { name: string; source: string; text: string; spans: [number, number, number, number][] }[];
  units: { name: string; text: string; units: [number, number, string, Place[], Place | null][] }[];
  stems: [word: string, stem: string][];
  numbers: [number: string, plain: string][];
  terms: [text: string, terms: string[]][];
  asked: [question: string, terms: [string, number][]][];
  selections: {
    document: string;
    question: string;
    budget: number;
    attention: number[] | null;
    scores: number[];
    quotes: [number, number, number, string[]][];
    rendered: string;
  }[];
  support: {
    answer: string;
    source: string;
    quotes: Place[];
    found: Place | null;
    parts: [number, number, string, Place | null][];
    supported: boolean;
  }[];
}

const vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as Vectors;
const pair = (range: { start: number; end: number } | undefined): Place | null =>
  range ? [range.start, range.end] : null;
const range = ([start, end]: Place) => ({ start, end });
/** The stand-in tokeniser of the vectors. */
const count = (text: string) => Math.ceil(text.length / 4);

describe('the vectors shared with training', () => {
  test.each(vectors.reading)('reading text: $name', ({ source, text, spans }) => {
    const read = readingText(source);
    expect(read.text).toBe(text);
    for (const [start, end, sourceStart, sourceEnd] of spans) {
      expect(read.toSource(start, end), `${start} to ${end}`).toEqual({ start: sourceStart, end: sourceEnd });
    }
  });

  test.each(vectors.units)('units: $name', (vector) => {
    const units = cutUnits(vector.text);
    const found = Array.from({ length: units.length }, (_, i) => {
      const { start, end, kind, headings, header } = units.at(i);
      return [start, end, kind, headings.map(pair), pair(header)];
    });
    expect(found).toEqual(vector.units);
  });

  test('stems, numbers and terms', () => {
    for (const [word, expected] of vectors.stems) expect(stem(word), word).toBe(expected);
    for (const [number, plain] of vectors.numbers) expect(plainNumber(number), number).toBe(plain);
    for (const [text, expected] of vectors.terms) expect(terms(text), text).toEqual(expected);
    for (const [question, expected] of vectors.asked) expect([...askedTerms(question)]).toEqual(expected);
  });

  test.each(vectors.selections)('selection: $question in $document, $budget', (vector) => {
    const { document, question, budget, attention } = vector;
    const { text } = vectors.units.find(({ name }) => name === document)!;
    const index = QuoteIndex.of(text);
    const scores = index.scores(question);
    expect(scores.length).toBe(vector.scores.length);
    for (const [i, score] of vector.scores.entries()) expect(scores[i]).toBeCloseTo(score, 8);
    const quotes = selectQuotes(index, question, { budget, count, ...(attention && { attention }) });
    expect(quotes.map(({ start, end, above }) => [start, end, above])).toEqual(
      vector.quotes.map(([start, end, _, above]) => [start, end, above]),
    );
    for (const [i, [, , score]] of vector.quotes.entries()) expect(quotes[i]!.score).toBeCloseTo(score, 8);
    expect(renderQuotes(quotes)).toBe(vector.rendered);
  });

  test.each(vectors.support)('support: $answer', ({ answer, source, quotes, found, parts, supported }) => {
    const support = findSupport(answer, source, quotes.map(range));
    expect(pair(support.source)).toEqual(found);
    expect(support.parts.map((part) => [part.start, part.end, part.kind, pair(part.source)])).toEqual(parts);
    expect(support.isSupported).toBe(supported);
  });
});
