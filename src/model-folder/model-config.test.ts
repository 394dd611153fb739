import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseModelConfig } from './model-config.js';

const models = new URL('../../models/', import.meta.url);
const folders = readdirSync(models, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const configOf = (name: string) =>
  JSON.parse(readFileSync(new URL(`${name}/config.json`, models), 'utf8')) as { gmsa: object };

test.each(folders.map(({ name }) => name))('the config of models/%s can be used', (name) => {
  const { refusal, rates, defaultRate } = parseModelConfig(configOf(name), name);
  expect(rates).toContain(defaultRate);
  expect(refusal).not.toBe('');
});

describe('the refusal', () => {
  const refusalOf = (gmsa: object) => {
    const config = configOf('fixture');
    return parseModelConfig({ ...config, gmsa: { ...config.gmsa, ...gmsa } }, 'here').refusal;
  };

  test('is the text that answers compare with, which are trimmed', () => {
    expect(refusalOf({ refusal: 'The text does not say.' })).toBe('The text does not say.');
    expect(refusalOf({ refusal: ' No.\n' })).toBe('No.');
  });

  test.each([[{}], [{ refusal: '' }], [{ refusal: ' ' }], [{ refusal: null }]])(
    '%o is that of a model without one',
    (gmsa) => {
      expect(refusalOf(gmsa)).toBeUndefined();
    },
  );
});

describe('quotes', () => {
  const parsed = (gmsa: object) => {
    const config = configOf('fixture');
    return parseModelConfig({ ...config, gmsa: { ...config.gmsa, ...gmsa } }, 'here');
  };
  const quote_template = '\n\nQuoted: {quotes}';

  test('are not read by a model that has no template for them', () => {
    expect(parsed({}).quoteTemplate).toBeUndefined();
    expect(parsed({ quote_template: '' }).quoteTemplate).toBeUndefined();
  });

  test('are read as the config says', () => {
    expect(parsed({ quote_template })).toMatchObject({
      quoteTemplate: quote_template,
      wholeTextTokens: 384,
      quoteTokens: 96,
      readings: { short: ['whole'], long: ['quotes', 'both'] },
    });
    const own = { whole_text_tokens: 512, quote_tokens: 64, readings: { long: ['both'] } };
    expect(parsed({ quote_template, ...own })).toMatchObject({
      wholeTextTokens: 512,
      quoteTokens: 64,
      readings: { short: ['whole'], long: ['both'] },
    });
  });

  test.each([
    [{ quote_template: 'Quoted:' }, '{quotes}'],
    [{ quote_template: 4 }, 'not a string'],
    [{ quote_template, whole_text_tokens: 0 }, 'whole_text_tokens'],
    [{ quote_template, quote_tokens: 1.5 }, 'quote_tokens'],
    [{ quote_template, readings: { long: [] } }, 'readings'],
    [{ quote_template, readings: { short: ['aloud'] } }, 'readings'],
  ])('%o is BAD_MODEL', (gmsa, said) => {
    expect(() => parsed(gmsa)).toThrow(
      expect.objectContaining({ code: 'BAD_MODEL', message: expect.stringContaining(said) }),
    );
  });
});
