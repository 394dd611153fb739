import { afterEach, expect, test, vi } from 'vitest';
import { sha256Hex, sha256OfBlob } from './sha256.js';

afterEach(() => vi.unstubAllGlobals());

// FIPS 180-2, appendix B
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const long = new Blob(Array.from({ length: 40 }, (_, i) => new Uint8Array(50_000).fill(i)));

test('parts count as one', () => {
  expect(sha256Hex('abc')).toBe(ABC);
  expect(sha256Hex('a', new Uint8Array([98]), 'c')).toBe(ABC);
});

test('a Blob has the same hash where the page has no crypto.subtle', async () => {
  expect(await sha256OfBlob(new Blob(['abc']))).toBe(ABC);
  const native = await sha256OfBlob(long);
  vi.stubGlobal('crypto', {});
  expect(await sha256OfBlob(new Blob(['abc']))).toBe(ABC);
  expect(await sha256OfBlob(long)).toBe(native);
});

test('a Blob that cannot be read does not stop the next', async () => {
  const broken = { size: 1, arrayBuffer: () => Promise.reject(new Error('gone')) } as unknown as Blob;
  await expect(sha256OfBlob(broken)).rejects.toThrow('gone');
  expect(await sha256OfBlob(new Blob(['abc']))).toBe(ABC);
});
