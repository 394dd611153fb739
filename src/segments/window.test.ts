import { expect, test } from 'vitest';
import type { GmsaError } from '../errors.js';
import { checkFits, softTokenCount } from './window.js';

const limits = { window: 8192, rates: [2, 4, 8] };

function failure(segmentTokens: number[], rate: number, others = 100): GmsaError {
  try {
    checkFits({ segmentTokens, rate, others }, limits);
  } catch (error) {
    return error as GmsaError;
  }
  throw new Error('it fits');
}

test('the last group of each segment counts as one', () => {
  expect(softTokenCount([512, 510, 3], 4)).toBe(128 + 128 + 1);
});

test('a text that fits to the last position is accepted, one more token is not', () => {
  expect(() => checkFits({ segmentTokens: [8092 * 4], rate: 4, others: 100 }, limits)).not.toThrow();
  expect(failure([8092 * 4 + 1], 4)).toMatchObject({ code: 'TOO_LONG' });
});

test('the error names the limit and the smallest rate that would fit', () => {
  const error = failure(Array(40).fill(512), 2);
  expect(error.message).toContain('20480 tokens');
  expect(error.message).toContain('10240 soft tokens at rate 2');
  expect(error.message).toContain('limit of 8192');
  expect(error.fix).toBe('Compress the text at rate 4, which fits.');
});

test('100,000 tokens fit at no rate, and the error says how much would', () => {
  const { fix } = failure(Array(196).fill(512), 8);
  expect(fix).toBe('No trained rate fits. Shorten the text to about 64736 tokens and use rate 8.');
});

test('where question and answer alone are too long, the error says so', () => {
  expect(failure([512], 8, 8192).fix).toMatch(/^Ask a shorter question or for fewer new tokens/);
  expect(failure([512], 8, 8191).fix).toContain('Shorten the text to about 8 tokens');
});
