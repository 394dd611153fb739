import { expect, test } from 'vitest';
import { compressionTarget } from './compress-options.js';

const model = { rates: [2, 4, 8], defaultRate: 4 };

test('is the rate, the number of soft tokens, or the default rate', () => {
  expect(compressionTarget({ rate: 8 }, model)).toEqual({ rate: 8 });
  expect(compressionTarget({ targetTokens: 100 }, model)).toEqual({ targetTokens: 100 });
  expect(compressionTarget({}, model)).toEqual({ rate: 4 });
});

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  'targetTokens %f is BAD_INPUT',
  (targetTokens) => {
    expect(() => compressionTarget({ targetTokens }, model)).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringContaining(String(targetTokens)) }),
    );
  },
);

test('both at once are BAD_INPUT, an untrained rate is BAD_RATE', () => {
  expect(() => compressionTarget({ rate: 4, targetTokens: 9 }, model)).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT', fix: expect.stringContaining('one of them') }),
  );
  expect(() => compressionTarget({ rate: 3 }, model)).toThrow(
    expect.objectContaining({ code: 'BAD_RATE', fix: expect.stringContaining('2, 4, 8') }),
  );
});
