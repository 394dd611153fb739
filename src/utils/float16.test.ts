import { expect, test } from 'vitest';
import { fromFloat16Bits, toFloat16Bits } from './float16.js';

test('every half-precision number survives the way to a number and back', () => {
  for (let bits = 0; bits < 0x10000; bits += 1) {
    const value = fromFloat16Bits(bits);
    if (Number.isNaN(value)) expect(toFloat16Bits(value) & 0x7fff).toBeGreaterThan(0x7c00);
    else expect(toFloat16Bits(value)).toBe(bits);
  }
});

test('a number between two halves goes to the nearer, a tie to the even one', () => {
  for (let bits = 0; bits < 0x7bff; bits += 1) {
    const low = fromFloat16Bits(bits);
    const high = fromFloat16Bits(bits + 1);
    expect(toFloat16Bits(low + (high - low) * 0.25)).toBe(bits);
    expect(toFloat16Bits(low + (high - low) * 0.75)).toBe(bits + 1);
    expect(toFloat16Bits((low + high) / 2)).toBe(bits + (bits & 1));
  }
});

test('known values', () => {
  expect(toFloat16Bits(1)).toBe(0x3c00);
  expect(toFloat16Bits(-2)).toBe(0xc000);
  expect(toFloat16Bits(65504)).toBe(0x7bff);
  expect(toFloat16Bits(65520)).toBe(0x7c00);
  expect(toFloat16Bits(1e9)).toBe(0x7c00);
  expect(toFloat16Bits(2 ** -25)).toBe(0);
  expect(toFloat16Bits(-1e-9)).toBe(0x8000);
});
