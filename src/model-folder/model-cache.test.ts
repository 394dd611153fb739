import { expect, test } from 'vitest';
import { modelCacheSuite } from '../testing/model-cache-suite.js';
import { defaultModelCache, MemoryModelCache } from './model-cache.js';

modelCacheSuite('MemoryModelCache', {
  create: async () => new MemoryModelCache(),
  withQuota: (maxBytes, work) => work(new MemoryModelCache({ maxBytes })),
});

test('without the Cache API the default is one memory for the whole page', async () => {
  expect(globalThis.caches).toBeUndefined();
  const first = await defaultModelCache();
  expect(first).toBeInstanceOf(MemoryModelCache);
  expect(await defaultModelCache()).toBe(first);
});
