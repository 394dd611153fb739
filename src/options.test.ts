import { expect, test } from 'vitest';
import { checkOptions } from './options.js';

const { signal } = new AbortController();

test.each([[{}], [{ signal }], [{ signal: null, onProgress: undefined }], [{ onProgress: () => {} }]])(
  '%o are options',
  (options) => {
    expect(() => checkOptions(options)).not.toThrow();
  },
);

test.each<[unknown, RegExp]>([
  [null, /not an object/],
  ['fast', /not an object/],
  [[], /not an object/],
  [{ signal: new AbortController() }, /signal option is not an AbortSignal/],
  [{ signal: 5 }, /signal option is not an AbortSignal/],
  [{ onProgress: 'log' }, /onProgress option is not a function/],
])('%o are BAD_INPUT', (options, message) => {
  expect(() => checkOptions(options)).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(message) }),
  );
});
