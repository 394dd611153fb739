import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  DATA,
  dropAfter,
  GRAPH_NAMES,
  QUICK,
  send,
  stallAfter,
  status,
  ToyModelServer,
} from '../testing/toy-model-server.js';
import type { CacheOption } from './file-store.js';
import { downloadBytes } from './manifest.js';
import { cacheKeys, MemoryModelCache } from './model-cache.js';
import { downloadModelFiles, missingBytes } from './model-files.js';
import { openModelFolder } from './model-folder.js';
import type { DownloadProgress, LoadWarning, TotalProgress } from './progress.js';

const server = new ToyModelServer();
let cache: MemoryModelCache;
let progress: DownloadProgress[];

beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(() => {
  server.reset();
  cache = new MemoryModelCache();
  progress = [];
});
afterEach(() => vi.unstubAllGlobals());

const open = (option: CacheOption = cache) => openModelFolder(server.base, { cache: option, retry: QUICK });
async function download(option: CacheOption = cache, signal?: AbortSignal) {
  const onProgress = (event: DownloadProgress) => progress.push(event);
  return downloadModelFiles(await open(option), 'fp32', { retry: QUICK, onProgress, signal });
}
const totals = () => progress.filter((event): event is TotalProgress => event.status === 'progress_total');
const warnings = () => progress.filter((event): event is LoadWarning => event.status === 'warning');
const requested = () => server.requests.map(({ path }) => path);

describe('a first download', () => {
  test('each file is fetched once, and goes to the graphs that need it under the name they know', async () => {
    const { graphs, tokenizer } = await download();
    expect(tokenizer).toEqual({ tokenizer: { model: {} }, config: { a: 1 } });
    expect(Object.keys(graphs).sort()).toEqual(GRAPH_NAMES.toSorted());
    for (const [name, { graph, data }] of Object.entries(graphs)) {
      expect(await graph.text()).toBe(`graph of ${name}`);
      expect(data.map(({ path }) => path)).toEqual(['shared.onnx_data']);
      expect(data[0]!.blob.size).toBe(300_000);
    }
    expect(requested().sort()).toEqual([...server.files.keys()].sort());
  });

  test('reports total bytes up to the whole download, and each file under the names of transformers.js', async () => {
    await download();
    const total = downloadBytes((await open()).manifest, 'fp32');
    expect(totals().at(-1)).toMatchObject({ name: 'toy', loaded: total, total, progress: 100 });
    const loaded = totals().map((event) => event.loaded);
    expect(loaded.toSorted((a, b) => a - b)).toEqual(loaded);
    expect(totals().at(-1)!.files[DATA]).toEqual({ loaded: 300_000, total: 300_000 });
    const ofData = progress.filter((event) => 'file' in event && event.file === DATA);
    const statuses = ofData.map((event) => event.status).filter((name) => name !== 'progress_total');
    expect(statuses.slice(0, 3)).toEqual(['initiate', 'download', 'progress']);
    expect(statuses.at(-1)).toBe('done');
    expect(ofData).toContainEqual({
      status: 'progress',
      name: 'toy',
      file: DATA,
      loaded: 300_000,
      total: 300_000,
      progress: 100,
    });
  });

  test('no more than four requests at once', async () => {
    let most = 0;
    let now = 0;
    const native = fetch;
    vi.stubGlobal('fetch', async (...call: Parameters<typeof fetch>) => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return native(...call).finally(() => {
        now -= 1;
      });
    });
    await download();
    expect(most).toBe(4);
  });

  test.each([
    ['that is missing', status(404), 'MODEL_NOT_FOUND'],
    ['that is refused', status(403), 'NETWORK'],
    ['whose server fails', status(503), 'NETWORK'],
    ['that is another', send('else'), 'CORRUPT_FILE'],
  ])('one file %s fails it all, what is whole stays in the cache', async (_, fault, code) => {
    server.fail('onnx/lsa.onnx', fault, fault, fault);
    await expect(download()).rejects.toMatchObject({
      code,
      message: expect.stringContaining('onnx/lsa.onnx'),
    });
    server.faults.clear();
    server.requests = [];
    await download();
    expect(requested()).toContain('onnx/lsa.onnx');
    expect(requested()).not.toContain('tokenizer.json');
  });

  test('tokenizer.json that is not JSON is BAD_MODEL', async () => {
    server.publish('tokenizer.json', '{"model":}}}');
    await expect(download()).rejects.toMatchObject({
      code: 'BAD_MODEL',
      message: expect.stringContaining('tokenizer.json'),
    });
  });

  test('an abort rejects with its reason, and stops all requests', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    server.fail(DATA, (response, content, request) => {
      stallAfter(1000)(response, content, request);
      setTimeout(() => controller.abort(reason), 20);
    });
    const fetched = vi.fn(fetch);
    vi.stubGlobal('fetch', fetched);
    await expect(download(cache, controller.signal)).rejects.toBe(reason);
    const count = fetched.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(fetched).toHaveBeenCalledTimes(count);
    expect(fetched.mock.calls.every(([, init]) => init?.signal?.aborted)).toBe(true);
  });

  test('bytes go back when a file has to start again, and still end at the total', async () => {
    server.ranges = false;
    server.fail(DATA, dropAfter(100_000));
    await download();
    const loaded = totals().map((event) => event.loaded);
    expect(loaded.some((bytes, i) => bytes < (loaded[i - 1] ?? 0))).toBe(true);
    expect(totals().at(-1)!.progress).toBe(100);
  });
});

describe('with the model in the cache', () => {
  beforeEach(async () => {
    await download();
    server.requests = [];
    progress = [];
  });

  test('nothing but the manifest is fetched', async () => {
    await download();
    expect(requested()).toEqual(['manifest.json']);
    expect(totals().at(-1)!.progress).toBe(100);
    expect(progress.some((event) => event.status === 'download')).toBe(false);
  });

  test('without a network it comes from the cache alone; another address is another model', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    const { graphs } = await download();
    expect(await graphs.lsa.graph.text()).toBe('graph of lsa');
    expect((await open()).offline).toBe(true);
    const elsewhere = openModelFolder(`${server.base}2`, { cache, retry: QUICK });
    await expect(elsewhere).rejects.toMatchObject({ code: 'NETWORK' });
  });

  test('a new version fetches what changed, and the old entries go', async () => {
    const before = await cacheKeys(cache);
    server.publish(DATA, Buffer.alloc(1000, 3));
    const { graphs } = await download();
    expect(graphs.lsa.data[0]!.blob.size).toBe(1000);
    expect(requested().sort()).toEqual(['manifest.json', DATA]);
    const after = await cacheKeys(cache);
    expect(after).toHaveLength(before.length);
    expect(after.filter((key) => !before.includes(key))).toHaveLength(1);
  });

  test('as long as a new version is not whole, the old one is what there is offline', async () => {
    server.publish('onnx/lsa.onnx', 'new graph of lsa');
    server.fail('onnx/lsa.onnx', status(404));
    await expect(download()).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    server.fail('manifest.json', status(503));
    const { graphs } = await download();
    expect(await graphs.lsa.graph.text()).toBe('graph of lsa');
  });

  test('an entry gone bad is fetched again; offline it is an error, and removed', async () => {
    const key = (await cacheKeys(cache)).find((one) => one.includes('lsa.onnx'))!;
    await cache.put(key, new Response('gone bad'));
    const { graphs } = await download();
    expect(await graphs.lsa.graph.text()).toBe('graph of lsa');
    expect(requested().sort()).toEqual(['manifest.json', 'onnx/lsa.onnx']);
    await cache.put(key, new Response('gone bad'));
    server.fail('manifest.json', status(503));
    server.fail('onnx/lsa.onnx', ...Array.from({ length: 3 }, () => status(503)));
    await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await cache.match(key)).toBeUndefined();
  });

  test('the bytes still to be fetched are those that are not there', async () => {
    const folder = await open();
    expect(await missingBytes(folder, 'fp32')).toBe(0);
    const key = (await cacheKeys(cache)).find((one) => one.includes('shared'))!;
    await cache.delete(key);
    expect(await missingBytes(folder, 'fp32')).toBe(300_000);
    expect(await missingBytes(await open(false), 'fp32')).toBe(downloadBytes(folder.manifest, 'fp32'));
  });
});

describe('a cache that cannot keep the model', () => {
  test('full: the model comes uncached, with one warning', async () => {
    const { graphs } = await download(new MemoryModelCache({ maxBytes: 3000 }));
    expect(graphs.lsa.data[0]!.blob.size).toBe(300_000);
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatchObject({ code: 'STORAGE_FULL', message: expect.stringContaining('full') });
  });

  test('broken: the same', async () => {
    const broken = () => Promise.reject(new Error('disk'));
    const { graphs } = await download({ match: broken, put: broken, delete: broken, keys: broken });
    expect(await graphs.lsa.graph.text()).toBe('graph of lsa');
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatchObject({ code: 'NOT_CACHED', message: expect.stringContaining('disk') });
  });

  test('switched off: nothing is kept, nothing said', async () => {
    await download(false);
    server.requests = [];
    await download(false);
    expect(requested()).toContain(DATA);
    expect(warnings()).toEqual([]);
  });
});

describe("the browser's storage", () => {
  const persist = vi.fn(async () => true);
  const storage = (quota: number, usage: number) =>
    vi.stubGlobal('navigator', { storage: { persist, estimate: async () => ({ quota, usage }) } });
  beforeEach(() => persist.mockClear());

  test('is asked to keep the model before a download, and not for one that is there', async () => {
    storage(1e9, 0);
    await download();
    expect(persist).toHaveBeenCalledTimes(1);
    await download();
    expect(persist).toHaveBeenCalledTimes(1);
    expect(warnings()).toEqual([]);
  });

  test('that has no room is a warning before the first byte, with figures', async () => {
    storage(1e6, 9e5);
    await download();
    expect(warnings()).toMatchObject([
      { code: 'STORAGE_FULL', message: /room for 0\.1 MB .* needs 0\.3 MB/ },
    ]);
    expect(progress[0]!.status).toBe('warning');
  });

  test('gives up old versions first', async () => {
    await download();
    const old = (await cacheKeys(cache)).find((key) => key.includes('shared'))!;
    server.publish(DATA, Buffer.alloc(200_000, 3));
    storage(1e6, 9e5);
    server.fail(DATA, ...Array.from({ length: 3 }, () => status(503)));
    await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await cache.match(old)).toBeUndefined();
  });
});
