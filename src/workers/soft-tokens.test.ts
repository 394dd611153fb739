import { expect, test } from 'vitest';
import { allFinite } from './soft-tokens.js';

test('NaN and infinity are found in either type', () => {
  expect(allFinite(Float32Array.of(1, -2, 0.5))).toBe(true);
  expect(allFinite(Float32Array.of(1, Number.NaN))).toBe(false);
  expect(allFinite(Uint16Array.of(0x3c00, 0xc000))).toBe(true);
  expect(allFinite(Uint16Array.of(0x3c00, 0x7c00))).toBe(false);
  expect(allFinite(Uint16Array.of(0xfe00))).toBe(false);
  expect(allFinite(Uint16Array.of(0x7bff, 0xfbff))).toBe(true);
});
