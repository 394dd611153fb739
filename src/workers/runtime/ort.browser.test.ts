import { beforeAll, expect, test } from 'vitest';
import { floatTensor, idTensor, loadOrt, maskTensor, Tensor, valuesOf } from './ort.js';

beforeAll(() => loadOrt(undefined));

test('ids are padded on the right, and the mask tells padding from tokens', () => {
  const ids = idTensor([[5, 6, 7], [8]], 3);
  expect(ids.dims).toEqual([2, 3]);
  expect(Array.from(ids.data as BigInt64Array)).toEqual([5n, 6n, 7n, 8n, 0n, 0n]);
  const mask = maskTensor([3, 1], 3);
  expect(Array.from(mask.data as BigInt64Array)).toEqual([1n, 1n, 1n, 1n, 0n, 0n]);
});

const values = Float32Array.of(1, -2, 0.5);
const halves = Uint16Array.of(0x3c00, 0xc000, 0x3800);

test.each([
  ['float32', values, values],
  ['float32', halves, values],
  ['float16', values, halves],
  ['float16', halves, halves],
] as const)('a %s tensor takes f32 values and f16 bits alike', (type, data, expected) => {
  const tensor = floatTensor(type, data, [1, 3]);
  expect(tensor.type).toBe(type);
  expect(valuesOf(tensor)).toEqual(expected);
});

test('f16 values are bits, also where the browser gives a Float16Array', () => {
  const tensor = new Tensor('float16', halves, [3]);
  expect(tensor.data.constructor.name).toBe('Float16Array' in globalThis ? 'Float16Array' : 'Uint16Array');
  expect(valuesOf(tensor)).toEqual(halves);
});
