import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { cdp } from 'vitest/browser';
import { modelCacheSuite } from '../testing/model-cache-suite.js';
import { CACHE_NAME, defaultModelCache, MemoryModelCache } from './model-cache.js';

const NAME = 'model-cache-test';
const fresh = async () => {
  await caches.delete(NAME);
  return caches.open(NAME);
};
const overrideQuota = (quotaSize?: number) =>
  cdp().send('Storage.overrideQuotaForOrigin', {
    origin: location.origin,
    ...(quotaSize === undefined ? {} : { quotaSize }),
  });

afterAll(() => caches.delete(NAME));
afterEach(() => vi.unstubAllGlobals());

modelCacheSuite('Cache API', {
  create: fresh,
  withQuota: async (bytes, work) => {
    const cache = await fresh();
    const { usage = 0 } = await navigator.storage.estimate();
    await overrideQuota(usage + bytes);
    try {
      await work(cache);
    } finally {
      await overrideQuota();
    }
  },
});

modelCacheSuite('MemoryModelCache', {
  create: async () => new MemoryModelCache(),
  withQuota: (maxBytes, work) => work(new MemoryModelCache({ maxBytes })),
});

test("the default is the library's own cache in the Cache API", async () => {
  const cache = await defaultModelCache();
  expect(cache).toBeInstanceOf(Cache);
  expect(await caches.has(CACHE_NAME)).toBe(true);
});

test('a browser that refuses its Cache API, as some private windows do, gets memory', async () => {
  vi.stubGlobal('caches', { open: async () => Promise.reject(new DOMException('no', 'SecurityError')) });
  expect(await defaultModelCache()).toBeInstanceOf(MemoryModelCache);
});
