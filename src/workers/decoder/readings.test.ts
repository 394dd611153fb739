import { describe, expect, test } from 'vitest';
import type { ReadingName } from './api.js';
import { QuotableText } from './quotable-text.js';
import { firstAnswer, planReadings, type Reading, type ReadingRequest } from './readings.js';

const CONFIG = {
  quoteTemplate: '\n\nQuoted: {quotes}',
  wholeTextTokens: 30,
  quoteTokens: 12,
  readings: { short: ['whole'], long: ['quotes', 'both'] } as {
    short: ReadingName[];
    long: ReadingName[];
  },
};
/** Four characters a token. */
const count = (text: string) => Math.ceil(text.length / 4);

const SHORT = new QuotableText('The kiln is in Hull. Ada bought it.');
const LONG = new QuotableText(
  Array.from({ length: 40 }, (_, i) => `Kiln ${i} stands in town ${1000 + i}.`).join(' '),
);

const plan = (request: Partial<ReadingRequest>, config: Partial<typeof CONFIG> | object = {}) =>
  planReadings(
    {
      quotes: 'auto',
      text: LONG,
      question: 'Where is kiln 7?',
      count,
      room: 500,
      softTokens: 100,
      ...request,
    },
    { ...CONFIG, ...config },
  );
const names = ({ readings }: { readings: Reading[] }) => readings.map(({ name }) => name);

describe('what a question is read with', () => {
  test('a short text as a whole, a longer one in quotes, then with soft tokens', () => {
    const short = plan({ text: SHORT });
    expect(names(short)).toEqual(['whole']);
    expect(short.readings[0]).toMatchObject({ quoted: SHORT.text, quotedTokens: count(SHORT.text) });
    const long = plan({});
    expect(names(long)).toEqual(['quotes', 'both']);
    for (const { quoted, quotedTokens } of long.readings) {
      expect(quoted).toContain('Kiln 7 stands in town 1007.');
      expect(quotedTokens).toBeLessThanOrEqual(CONFIG.quoteTokens);
    }
    expect(long.notes).toEqual([]);
  });

  test('at most as many quoted tokens as the caller says', () => {
    expect(plan({ quotes: 50 }).readings[0]!.quotedTokens).toBeGreaterThan(30);
    expect(plan({ quotes: 50 }).readings[0]!.quotedTokens).toBeLessThanOrEqual(50);
    expect(names(plan({ text: SHORT, quotes: 9 }))).toEqual(['whole']);
    expect(names(plan({ text: SHORT, quotes: 6 }))).toEqual(['quotes', 'both']);
  });

  test.each([0, undefined] as const)('%s quoted tokens are soft tokens alone', (quotes) => {
    expect(plan({ quotes })).toEqual({ readings: [expect.objectContaining({ name: 'soft' })], notes: [] });
  });

  test('a question without a word in the text is left to the soft tokens', () => {
    expect(names(plan({ question: 'Xylophone zither?' }))).toEqual(['soft']);
    expect(names(plan({ text: SHORT, question: 'Xylophone zither?' }))).toEqual(['whole']);
  });

  test('what the window leaves bounds the quotes, beside soft tokens more than without', () => {
    expect(names(plan({ text: SHORT, room: 5 }))).toEqual(['soft']);
    expect(names(plan({ room: 106 }))).toEqual(['quotes', 'soft']);
    const [alone, both] = plan({ quotes: 40, room: 125 }).readings;
    expect(both!.name).toBe('both');
    expect(both!.quotedTokens).toBeLessThanOrEqual(25);
    expect(alone!.quotedTokens).toBeGreaterThan(25);
    expect(names(plan({ room: -4 }))).toEqual(['soft']);
  });

  test('without text, soft tokens alone, which is said', () => {
    const { readings, notes } = plan({ text: undefined });
    expect([names({ readings }), notes]).toEqual([['soft'], ['NO_TEXT']]);
  });

  test('a model that does not read quotes reads soft tokens, which is said to who asked for quotes', () => {
    expect(plan({}, { quoteTemplate: undefined }).notes).toEqual([]);
    expect(names(plan({}, { quoteTemplate: undefined }))).toEqual(['soft']);
    expect(plan({ quotes: 40 }, { quoteTemplate: undefined }).notes).toEqual(['NO_QUOTES']);
    expect(plan({ quotes: 0 }, { quoteTemplate: undefined }).notes).toEqual([]);
  });

  test('what the config says', () => {
    expect(names(plan({}, { readings: { short: ['soft'], long: ['both', 'soft'] } }))).toEqual([
      'both',
      'soft',
    ]);
    expect(names(plan({ text: SHORT }, { readings: { short: ['whole', 'both'], long: ['soft'] } }))).toEqual([
      'whole',
      'both',
    ]);
  });

  test('white space at the end of a text is not quoted', () => {
    expect(plan({ text: new QuotableText(' One kiln. \n\n') }).readings[0]!.quoted).toBe(' One kiln.');
  });
});

describe('the arbiter', () => {
  const readings = (['quotes', 'both'] as const).map(
    (name): Reading => ({
      name,
      quotes: [],
      quoted: '',
      quotedTokens: 0,
    }),
  );

  test.each([
    [{ quotes: 'A', both: 'B' }, 'A', ['quotes']],
    [{ quotes: undefined, both: 'B' }, 'B', ['quotes', 'both']],
  ])('%o gives %s', async (answers, answer, expected) => {
    const read: [string, boolean][] = [];
    const found = await firstAnswer(readings, async ({ name }, mayRefuse) => {
      read.push([name, mayRefuse]);
      return answers[name as 'quotes' | 'both'];
    });
    expect(found).toBe(answer);
    expect(read).toEqual(expected.map((name) => [name, name === 'both']));
  });

  test('an error of a reading is the error of the answer', async () => {
    const failure = new Error('broken');
    await expect(firstAnswer(readings, () => Promise.reject(failure))).rejects.toBe(failure);
  });
});

describe('a text with characters that are not read', () => {
  const source = '\ufeffThe o\ufb03ce is in Ros\u00adkilde.\u00a0The kiln cost 1\u00a0250\u202fkr.\u200b';
  const text = new QuotableText(source);

  test('gives quotes and support where they stand in the source', () => {
    const read = text.select('What did the kiln cost?', 1000, count);
    expect(read.map((quote) => quote.text)).toEqual(['The office is in Roskilde. The kiln cost 1 250 kr.']);
    const support = text.support('Roskilde office, 1 250 kr', read);
    expect(support.source).toBeUndefined();
    expect(
      support.parts.map(({ source: place, ...part }) => [
        part.text,
        place && source.slice(place.start, place.end),
      ]),
    ).toEqual([
      ['Roskilde', 'Ros\u00adkilde'],
      ['1', '1'],
      ['250', '250'],
    ]);
    const whole = text.support('the office', read);
    expect(source.slice(whole.source!.start, whole.source!.end)).toBe('The o\ufb03ce');
    const [quote] = text.inSource(read, whole);
    expect(quote).toMatchObject({ text: source.slice(1, -1), start: 1, answer: whole.source });
    expect(source.slice(quote!.start, quote!.end)).toBe(quote!.text);
  });

  test('an answer outside a quote is not marked in it', () => {
    const read = text.select('What did the kiln cost?', 9, count);
    expect(read).toHaveLength(1);
    expect(text.inSource(read, text.support('Roskilde', []))[0]).not.toHaveProperty('answer');
  });
});
