// What every ModelCache must do; run over each implementation.
import { beforeEach, describe, expect, test } from 'vitest';
import { FileStore, removeAllModels } from '../model-folder/file-store.js';
import type { FileEntry } from '../model-folder/manifest.js';
import { cacheKeys, type ModelCache } from '../model-folder/model-cache.js';
import { sha256Hex } from '../utils/sha256.js';

export interface CacheUnderTest {
  /** An empty one. */
  create(): Promise<ModelCache>;
  /** Runs `work` while there is room for about so many bytes more. */
  withQuota(bytes: number, work: (cache: ModelCache) => Promise<void>): Promise<void>;
}

const KEY = 'https://host.example/model/?gmsa-file=a&sha256=1';
const OTHER = 'https://host.example/model/?gmsa-file=a&sha256=2';
const response = (content: string | Blob) =>
  new Response(content, { headers: { 'Content-Length': '5', 'X-Kept': 'yes' } });

export function modelCacheSuite(name: string, { create, withQuota }: CacheUnderTest): void {
  describe(name, () => {
    let cache: ModelCache;
    beforeEach(async () => {
      cache = await create();
    });

    test('gives back what was put, as often as asked, with its headers', async () => {
      expect(await cache.match(KEY)).toBeUndefined();
      await cache.put(KEY, response('hello'));
      for (const _ of [1, 2]) {
        const found = await cache.match(KEY);
        expect(found?.headers.get('X-Kept')).toBe('yes');
        expect(await found!.text()).toBe('hello');
      }
    });

    test('keeps keys that differ in their query apart, and lists them', async () => {
      await cache.put(KEY, response('one'));
      await cache.put(OTHER, response('two'));
      expect(await (await cache.match(KEY))!.text()).toBe('one');
      expect(await (await cache.match(OTHER))!.text()).toBe('two');
      expect((await cacheKeys(cache)).sort()).toEqual([KEY, OTHER]);
    });

    test('a second put replaces the first', async () => {
      await cache.put(KEY, response('one'));
      await cache.put(KEY, response('two'));
      expect(await (await cache.match(KEY))!.text()).toBe('two');
      expect(await cacheKeys(cache)).toEqual([KEY]);
    });

    test('delete says whether there was something', async () => {
      await cache.put(KEY, response('one'));
      expect(await cache.delete(KEY)).toBe(true);
      expect(await cache.delete(KEY)).toBe(false);
      expect(await cache.match(KEY)).toBeUndefined();
      expect(await cacheKeys(cache)).toEqual([]);
    });

    test('a Blob taken from an entry can be read when the entry is gone', async () => {
      await cache.put(KEY, response(new Blob([new Uint8Array(3_000_000).fill(7)])));
      const blob = await (await cache.match(KEY))!.blob();
      await cache.delete(KEY);
      expect(new Uint8Array(await blob.arrayBuffer()).every((byte) => byte === 7)).toBe(true);
      expect(new Uint8Array(await blob.slice(1_000_000, 1_000_002).arrayBuffer())).toEqual(
        Uint8Array.of(7, 7),
      );
    });

    test('binary content comes back byte by byte', async () => {
      const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) % 256);
      await cache.put(KEY, response(new Blob([bytes])));
      const found = new Uint8Array(await (await cache.match(KEY))!.arrayBuffer());
      expect(sha256Hex(found)).toBe(sha256Hex(bytes));
    });

    test('a full quota rejects with QuotaExceededError, and what was there before stays', async () => {
      await withQuota(200_000, async (limited) => {
        await limited.put(KEY, response('small'));
        const large = response(new Blob([new Uint8Array(8_000_000)]));
        await expect(limited.put(OTHER, large)).rejects.toMatchObject({ name: 'QuotaExceededError' });
        expect(await limited.match(OTHER)).toBeUndefined();
        expect(await (await limited.match(KEY))!.text()).toBe('small');
      });
    });

    describe('as the store of a model folder', () => {
      const folder = new URL('https://host.example/model/');
      const file = (content: string): FileEntry => ({ bytes: content.length, sha256: sha256Hex(content) });
      const [one, two] = [file('one'), file('two')];
      let store: FileStore;
      beforeEach(async () => {
        store = await FileStore.open(folder, cache);
      });

      test('a file is found in its own version alone', async () => {
        await store.put('onnx/a', one, new Blob(['one']));
        expect(await (await store.get('onnx/a', one))!.text()).toBe('one');
        expect(await store.get('onnx/a', two)).toBeUndefined();
        expect(await store.get('onnx/b', one)).toBeUndefined();
        const listed = new Map([
          ['onnx/a', one],
          ['onnx/b', two],
        ]);
        expect(await store.kept(listed)).toEqual(new Set(['onnx/a']));
      });

      test.each([
        ['of another size', 'three'],
        ['of the right size', 'ono'],
      ])('a kept file gone bad, %s, is not given out but removed', async (_, content) => {
        await store.put('onnx/a', one, new Blob([content]));
        expect(await store.get('onnx/a', one)).toBeUndefined();
        expect(await cacheKeys(cache)).toEqual([]);
      });

      test('files that a new manifest does not list go, in other folders and of other owners they stay', async () => {
        const inside = await FileStore.open(new URL('inner/', folder), cache);
        await inside.put('onnx/a', one, new Blob(['one']));
        await cache.put('https://host.example/model/page.html', response('page'));
        await store.put('onnx/a', one, new Blob(['one']));
        await store.put('onnx/a', two, new Blob(['two']));
        await store.putManifest('{}');
        await store.removeAllBut(new Map([['onnx/a', two]]));
        expect(await store.get('onnx/a', one)).toBeUndefined();
        expect(await (await store.get('onnx/a', two))!.text()).toBe('two');
        expect(await store.manifest()).toBe('{}');
        await store.removeAll();
        expect(await store.manifest()).toBeUndefined();
        expect(await (await inside.get('onnx/a', one))!.text()).toBe('one');
        await removeAllModels(cache);
        expect(await cacheKeys(cache)).toEqual(['https://host.example/model/page.html']);
      });
    });
  });
}
