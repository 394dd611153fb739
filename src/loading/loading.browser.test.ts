// Loading as a page uses it: what is kept, what is asked beforehand, and both builds of ONNX Runtime.
import asyncifyUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiUrl from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Gmsa, type LoadProgress, MemoryModelCache, type WasmPaths } from '../index.js';
import { CACHE_NAME } from '../model-folder/model-cache.js';
import { FIXTURE_URL, longText } from '../testing/fixture.js';

const NOWHERE = 'http://127.0.0.1:1/model/';
const wasm = { device: 'wasm' } as const;

beforeEach(() => Gmsa.clearCache());
afterEach(() => vi.restoreAllMocks());

async function loadAndDispose(options: Parameters<typeof Gmsa.load>[1] = {}): Promise<LoadProgress[]> {
  const progress: LoadProgress[] = [];
  const gmsa = await Gmsa.load(FIXTURE_URL, { ...wasm, onProgress: (p) => progress.push(p), ...options });
  await gmsa.dispose();
  return progress;
}
const isWarning = ({ status }: LoadProgress) => status === 'warning';
const downloads = (progress: LoadProgress[]) => progress.filter(({ status }) => status === 'download');

describe('the cache', () => {
  test('a model is cached once it was loaded, and no longer after clearCache', async () => {
    expect(await Gmsa.isCached(FIXTURE_URL, wasm)).toBe(false);
    const first = await loadAndDispose();
    expect(downloads(first).length).toBeGreaterThan(8);
    expect(first.filter(isWarning)).toEqual([]);
    expect(await Gmsa.isCached(FIXTURE_URL, wasm)).toBe(true);
    expect(downloads(await loadAndDispose())).toEqual([]);
    await Gmsa.clearCache(FIXTURE_URL);
    expect(await Gmsa.isCached(FIXTURE_URL, wasm)).toBe(false);
    expect(await (await caches.open(CACHE_NAME)).keys()).toEqual([]);
  });

  test('a cached model loads and answers without its server', async () => {
    await loadAndDispose();
    const offline = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('Failed to fetch'));
    expect(await Gmsa.isCached(FIXTURE_URL, wasm)).toBe(true);
    const gmsa = await Gmsa.load(FIXTURE_URL, wasm);
    expect((await gmsa.compress('Anna has a cat.')).softTokens).toBeGreaterThan(0);
    expect(offline).toHaveBeenCalled();
    await gmsa.dispose();
    await Gmsa.clearCache(FIXTURE_URL);
    expect(await Gmsa.isCached(FIXTURE_URL, wasm)).toBe(false);
  });

  test("another ModelCache takes the place of the library's own, and false of any", async () => {
    const cache = new MemoryModelCache();
    await loadAndDispose({ cache });
    expect(await Gmsa.isCached(FIXTURE_URL, { ...wasm, cache })).toBe(true);
    expect(await Gmsa.isCached(FIXTURE_URL, wasm)).toBe(false);
    expect(downloads(await loadAndDispose({ cache: false })).length).toBeGreaterThan(8);
    await Gmsa.clearCache(undefined, { cache });
    expect(await Gmsa.isCached(FIXTURE_URL, { ...wasm, cache })).toBe(false);
  });

  test('a full storage is a warning, and the model loads', async () => {
    vi.spyOn(Cache.prototype, 'put').mockRejectedValue(new DOMException('full', 'QuotaExceededError'));
    const warnings = (await loadAndDispose()).filter(isWarning);
    expect(warnings).toMatchObject([{ code: 'STORAGE_FULL' }]);
  });
});

describe('what goes wrong', () => {
  const aborted = { signal: AbortSignal.abort('too late') };
  test('an abort rejects with its reason', async () => {
    await expect(Gmsa.load(FIXTURE_URL, aborted)).rejects.toBe('too late');
    await expect(Gmsa.isCached(FIXTURE_URL, aborted)).rejects.toBe('too late');
    await expect(Gmsa.clearCache(FIXTURE_URL, aborted)).rejects.toBe('too late');
    await expect(Gmsa.support(FIXTURE_URL, aborted)).rejects.toBe('too late');
    for (const call of [Gmsa.isCached, Gmsa.support, Gmsa.clearCache]) {
      const controller = new AbortController();
      const pending = call(FIXTURE_URL, { signal: controller.signal });
      controller.abort('now');
      await expect(pending).rejects.toBe('now');
    }
  });

  test('an abort while the browser looks for a GPU rejects at once', async () => {
    vi.spyOn(GPU.prototype, 'requestAdapter').mockReturnValue(new Promise(() => {}));
    await loadAndDispose();
    for (const call of [Gmsa.load, Gmsa.isCached, Gmsa.support]) {
      const controller = new AbortController();
      const pending = call(FIXTURE_URL, { signal: controller.signal });
      setTimeout(() => controller.abort('enough'), 300);
      await expect(pending).rejects.toBe('enough');
    }
  });

  test('a cache that fails is an error of ours; entries of others stay', async () => {
    const broken = Object.assign(new MemoryModelCache(), { keys: () => Promise.reject(new Error('broken')) });
    await expect(Gmsa.clearCache(FIXTURE_URL, { cache: broken })).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('broken'),
    });
    const shared = new MemoryModelCache();
    await shared.put('a key of another', new Response('x'));
    await loadAndDispose({ cache: shared });
    await Gmsa.clearCache(undefined, { cache: shared });
    expect(await shared.keys()).toEqual(['a key of another']);
  });

  test('a URL that is none is BAD_MODEL', async () => {
    for (const call of [Gmsa.isCached, Gmsa.clearCache, Gmsa.support]) {
      await expect(call('http://')).rejects.toMatchObject({ code: 'BAD_MODEL' });
    }
  });

  test('a folder that is not there is MODEL_NOT_FOUND', async () => {
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response('', { status: 404 }));
    for (const call of [Gmsa.isCached, Gmsa.support]) {
      await expect(call('/nowhere')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    }
  });

  test('a server that is not there is NETWORK, and nothing of it is cached', async () => {
    await expect(Gmsa.support(NOWHERE)).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await Gmsa.isCached(NOWHERE)).toBe(false);
  });

  test('a dtype that the model does not offer is UNSUPPORTED', async () => {
    const options = { ...wasm, dtype: 'q4' } as const;
    await expect(Gmsa.isCached(FIXTURE_URL, options)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

describe('support', () => {
  test('says what auto comes to here, and what stands in the way', async () => {
    const support = await Gmsa.support(FIXTURE_URL);
    expect(support).toMatchObject({ supported: true, device: 'wasm', dtype: 'fp32', wasm: { jspi: true } });
    expect(support.adapter).toMatchObject({ software: true, f16: false });
    expect(support.adapter!.limits.maxBufferSize).toBeGreaterThan(2 ** 27);
    expect(support.problems.map(({ code }) => code)).toContain('SOFTWARE_ADAPTER');
    expect(support.model).toMatchObject({ name: 'fixture', cachedBytes: 0 });
    expect(support.model!.memory.weights).toBeGreaterThan(1e6);
    expect(structuredClone(support)).toEqual(support);
    await loadAndDispose();
    const { model } = await Gmsa.support(FIXTURE_URL);
    expect(model!.cachedBytes).toBe(model!.downloadBytes);
  });

  test('downloads nothing heavy', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch');
    await Gmsa.support(FIXTURE_URL);
    const names = fetched.mock.calls.map(([url]) => String(url).split('/').at(-1));
    expect(names.sort()).toEqual(['config.json', 'manifest.json']);
  });

  test('needs no model', async () => {
    const support = await Gmsa.support();
    expect(support).toMatchObject({ supported: true, device: 'wasm' });
    expect(support.model).toBeUndefined();
  });
});

describe('the two builds of ONNX Runtime', () => {
  const nowhere = { wasm: `${NOWHERE}nowhere.wasm` };

  test.each<[string, WasmPaths]>([
    ['the JSPI build, where this browser has it', { wasm: asyncifyUrl, jspi: nowhere }],
    ['the asyncify build, where no path of the other is given', nowhere],
  ])('%s is the one that is loaded', async (_, wasmPaths) => {
    await expect(loadAndDispose({ wasmPaths })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  test.each(['wasm', 'webgpu'] as const)('give the same soft tokens and answers on %s', async (device) => {
    const results: unknown[] = [];
    for (const wasmPaths of [{ wasm: asyncifyUrl }, { jspi: { wasm: jspiUrl } }]) {
      const gmsa = await Gmsa.load(FIXTURE_URL, { device, wasmPaths });
      const context = await gmsa.compress(longText(2));
      const answer = gmsa.ask(context, 'What does Anna have?', { maxNewTokens: 3 });
      results.push([await answer.tokenIds, context.segments.map(({ data }) => Array.from(data))]);
      await gmsa.dispose();
    }
    expect(results[0]).toEqual(results[1]);
  });
});
