// Quotes through the whole library, workers included.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type CompressedContext, Gmsa } from '../../index.js';
import { FIXTURE_URL, longText } from '../fixture.js';
import { QUOTING_KEYS, serveQuotingFixture } from '../quoting-fixture.js';

const QUESTION = 'Who has a green lamp?';
const short = { maxNewTokens: 8 };
const TEXT = longText(40);

let gmsa: Gmsa;
let context: CompressedContext;
beforeAll(async () => {
  gmsa = await Gmsa.load(serveQuotingFixture(), { device: 'wasm', cache: false });
  vi.restoreAllMocks();
  context = await gmsa.compress(TEXT);
});
afterAll(() => gmsa.dispose());

test('says whether it reads quotes', async () => {
  expect(gmsa.model.readsQuotes).toBe(true);
});

test('an answer comes with what was read, and whether it stands in the text', async () => {
  const stream = gmsa.ask(context, QUESTION, short);
  const quotes = await stream.quotes;
  expect(await stream.stats).toMatchObject({ reading: 'quotes', softTokens: 0, notes: [] });
  expect((await stream.stats).quotedTokens).toBeLessThanOrEqual(QUOTING_KEYS.quote_tokens);
  expect(quotes.length).toBeGreaterThan(0);
  for (const { text, start, end } of quotes) expect(context.text!.slice(start, end)).toBe(text);
  expect(await stream.support).toMatchObject({ isSupported: expect.any(Boolean), parts: expect.any(Array) });
});

test('quotes: false answers as a model does that reads none', async () => {
  const plain = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
  try {
    const before = plain.ask(await plain.compress(TEXT), QUESTION, short);
    const now = gmsa.ask(context, QUESTION, { ...short, quotes: false });
    expect(await now.tokenIds).toEqual(await before.tokenIds);
    expect(await now.quotes).toEqual([]);
    const { softTokens, promptTokens, reading } = await now.stats;
    expect([softTokens, promptTokens, reading]).toEqual([
      context.softTokens,
      (await before.stats).promptTokens,
      'soft',
    ]);
    expect((await plain.ask(context, QUESTION, { quotes: 20 }).stats).notes).toEqual(['NO_QUOTES']);
    expect(plain.model.readsQuotes).toBe(false);
  } finally {
    await plain.dispose();
  }
});

test('a number is at most so many tokens', async () => {
  const { quotedTokens } = await gmsa.ask(context, QUESTION, { ...short, quotes: 12 }).stats;
  expect(quotedTokens).toBeGreaterThan(0);
  expect(quotedTokens).toBeLessThanOrEqual(12);
});

test.each([-1, 0.5, 1025, 'some'])('quotes %s is BAD_INPUT', async (quotes) => {
  const stream = gmsa.ask(context, QUESTION, { quotes } as object);
  await expect(stream.text()).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await expect(stream.quotes).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

describe('a saved context', () => {
  test('is quoted from if its text was saved with it', async () => {
    const opened = await gmsa.open(context.toBlob({ text: true }));
    const stream = gmsa.ask(opened, QUESTION, short);
    expect(await stream.quotes).toEqual(await gmsa.ask(context, QUESTION, short).quotes);
    expect((await stream.stats).reading).toBe('quotes');
  });

  test('without its text is answered from soft tokens, which the stats say', async () => {
    const opened = await gmsa.open(context.toBlob());
    const stream = gmsa.ask(opened, QUESTION, short);
    expect(await stream.stats).toMatchObject({ reading: 'soft', notes: ['NO_TEXT'] });
    expect(await stream.support).toBeUndefined();
    const alone = gmsa.ask(context, QUESTION, { ...short, quotes: false });
    expect(await stream.tokenIds).toEqual(await alone.tokenIds);
  });

  test('whose text was changed is CORRUPT_FILE, whichever way it comes', async () => {
    const [first, ...others] = context.segments;
    const segments = [{ ...first!, text: first!.text!.replace('Anna', 'Eva') }, ...others];
    const changed = { ...structuredClone(context), segments };
    await expect(gmsa.ask(changed, QUESTION).text()).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
    expect(await gmsa.ask(structuredClone(context), QUESTION, short).text()).toBe(
      await gmsa.ask(context, QUESTION, short).text(),
    );
  });
});

test('the text of a document from a PDF is read clean, and quoted as it stands', async () => {
  const clean = 'The of\ufb01ce of Anna is green. Tom has a red\u00ad\u200b lamp.\u00a0Mia has a blue hat. ';
  const source = `${clean.repeat(6)}\r\n\r\nThe fi\u00ad\nnal line is Eva\u2019s.`;
  const pdf = await gmsa.compress(source);
  expect(pdf.text).toBe(source.replaceAll('\r\n', '\n'));
  expect(pdf.segments.map(({ text }) => text).join('')).toBe(pdf.text);
  const read = `${'The office of Anna is green. Tom has a red lamp. Mia has a blue hat. '.repeat(6)}\n\nThe final line is Eva\u2019s.`;
  expect(pdf.tokens).toBe(await gmsa.countTokens(read));
  expect(await gmsa.countTokens(source)).toBe(pdf.tokens);
  const same = await gmsa.compress(read);
  expect(same.segments.map(({ hash }) => hash)).toEqual(pdf.segments.map(({ hash }) => hash));

  const [quote] = await gmsa.ask(pdf, 'Whose is the final line?', short).quotes;
  expect(quote!.text).toContain('fi\u00ad\nnal line');
  expect(pdf.text!.slice(quote!.start, quote!.end)).toBe(quote!.text);

  const { pieces } = await gmsa.fidelity(pdf);
  expect(pieces.join('')).toBe(read);
  const updated = await gmsa.update(pdf, `${source} More.`);
  expect(updated.text).toBe(`${pdf.text} More.`);
  expect(updated.stats.reusedSegments).toBeGreaterThan(0);
});

test('a text of invisible characters alone is BAD_INPUT', async () => {
  await expect(gmsa.compress('\u200b\ufeff\u00ad')).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

test('an aborted question leaves the next one its answer', async () => {
  const controller = new AbortController();
  const stream = gmsa.ask(context, QUESTION, { signal: controller.signal });
  controller.abort();
  await expect(stream.quotes).rejects.toMatchObject({ name: 'AbortError' });
  expect((await gmsa.ask(context, QUESTION, short).stats).reading).toBe('quotes');
});
