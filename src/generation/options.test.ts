import { describe, expect, test } from 'vitest';
import { answerSettings, askSettings, restorationSettings } from './options.js';

test('nothing asked for is greedy: 64 tokens for an answer, what a segment needs for a restoration', () => {
  expect(answerSettings({})).toEqual({ minNewTokens: 0, maxNewTokens: 64, isWatched: false });
  expect(restorationSettings({})).toEqual({ minNewTokens: 0, isWatched: false });
});

test.each([{ temperature: 0.7 }, { topK: 5 }, { topP: 0.9 }, { seed: 4 }, { doSample: true }])(
  '%o samples, the rest as in transformers.js',
  (options) => {
    const { doSample: _, ...given } = options as { doSample?: boolean };
    expect(answerSettings(options).sampling).toEqual({ temperature: 1, topK: 50, topP: 1, ...given });
  },
);

test('temperature 0 and doSample: false are greedy', () => {
  expect(answerSettings({ temperature: 0, seed: 3, topK: 4 }).sampling).toBeUndefined();
  expect(answerSettings({ doSample: false, temperature: 0.5 }).sampling).toBeUndefined();
});

test('a streamer or a stopping criterion has the tokens watched', () => {
  expect(answerSettings({ streamer: { put: () => {}, end: () => {} } }).isWatched).toBe(true);
  expect(restorationSettings({ stoppingCriteria: () => false }).isWatched).toBe(true);
});

test('quotes: what the model was trained for, none, or a number of tokens up to the window', () => {
  const quotesOf = (options: object) => askSettings(options, 1024).quotes;
  expect(quotesOf({})).toBe('auto');
  expect(quotesOf({ quotes: undefined })).toBe('auto');
  expect(askSettings({ quotes: false }, 1024)).toEqual(answerSettings({}));
  expect([quotesOf({ quotes: 0 }), quotesOf({ quotes: 96 }), quotesOf({ quotes: 1024 })]).toEqual([
    0, 96, 1024,
  ]);
});

test.each([-1, 1.5, 1025, Number.NaN, Number.POSITIVE_INFINITY, '96', true, null, 'all'])(
  'quotes %s is BAD_INPUT',
  (quotes) => {
    expect(() => askSettings({ quotes } as object, 1024)).toThrow(
      expect.objectContaining({
        code: 'BAD_INPUT',
        message: `quotes is ${quotes}.`,
        fix: expect.stringContaining('1024'),
      }),
    );
  },
);

describe('bad input', () => {
  test.each([
    ['maxNewTokens', 0],
    ['maxNewTokens', 1.5],
    ['minNewTokens', 65],
    ['minNewTokens', -1],
    ['temperature', -0.1],
    ['temperature', Number.NaN],
    ['temperature', Number.POSITIVE_INFINITY],
    ['temperature', '0.5'],
    ['topK', -1],
    ['topK', 2.5],
    ['topP', 0],
    ['topP', 1.1],
    ['repetitionPenalty', 0],
    ['repetitionPenalty', Number.POSITIVE_INFINITY],
    ['seed', 0.5],
  ])('%s %s is BAD_INPUT', (name, value) => {
    expect(() => answerSettings({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringContaining(`${name} is ${value}`) }),
    );
  });
});
