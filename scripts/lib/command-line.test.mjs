import { describe, expect, it } from 'vitest';
import {
  browserFlags,
  helpText,
  oneOf,
  parseFlags,
  positiveInteger,
  positiveIntegers,
  quoteBudget,
  UsageError,
} from './command-line.mjs';

const flags = {
  file: { type: 'string', value: 'path', required: true, help: 'the text' },
  rate: { type: 'string', value: 'n', parse: positiveInteger, help: 'tokens for each soft token' },
  tokens: { type: 'string', value: 'n,…', default: '512,2048', parse: positiveIntegers, help: 'lengths' },
  device: { type: 'string', default: 'wasm', parse: oneOf('wasm', 'webgpu'), help: 'where' },
  json: { type: 'boolean', help: 'as JSON' },
};

describe('flags', () => {
  it('are parsed, with defaults for those not given', () => {
    expect(parseFlags(['--file', 'a.txt', '--rate', '8', '--json'], flags)).toEqual({
      file: 'a.txt',
      rate: 8,
      tokens: [512, 2048],
      device: 'wasm',
      json: true,
    });
  });

  it.each([
    [['--file', 'a', '--rat', '4'], /--rat/],
    [['--file', 'a', 'stray'], /stray/],
    [[], /--file is missing/],
    [['--file'], /--file/],
    [['--file', 'a', '--rate', '0'], /positive integer/],
    [['--file', 'a', '--rate', '4x'], /positive integer/],
    [['--file', 'a', '--tokens', '512,'], /positive integer/],
    [['--file', 'a', '--device', 'cuda'], /wasm, webgpu/],
    [['--file', 'a', '--json=yes'], /--json/],
  ])('%j is a usage error', (argv, message) => {
    expect(() => parseFlags(argv, flags)).toThrow(UsageError);
    expect(() => parseFlags(argv, flags)).toThrow(message);
  });

  it('are not checked when help is asked for', () => {
    expect(parseFlags(['-h'], flags)).toEqual({ help: true });
  });

  it('are all named in the help text', () => {
    const text = helpText('usage', { ...flags, ...browserFlags });
    for (const name of Object.keys({ ...flags, ...browserFlags })) expect(text).toContain(`--${name}`);
  });
});

it('quotes are auto, off, or a number of tokens', () => {
  expect(['auto', 'off', '96'].map((value) => quoteBudget(value, 'quotes'))).toEqual(['auto', false, 96]);
  expect(() => quoteBudget('-1', 'quotes')).toThrow('--quotes -1');
  expect(() => quoteBudget('all', 'quotes')).toThrow('--quotes all');
});
