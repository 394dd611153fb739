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
