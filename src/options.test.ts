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
  [null, /no object/],
  ['fast', /no object/],
  [[], /no object/],
  [{ signal: new AbortController() }, /signal is no AbortSignal/],
  [{ signal: 5 }, /signal is no AbortSignal/],
  [{ onProgress: 'log' }, /onProgress is no function/],
])('%o are BAD_INPUT', (options, message) => {
  expect(() => checkOptions(options)).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(message) }),
  );
});
