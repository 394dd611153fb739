// Saved contexts, with the tiny model of models/fixture and the browser's own IndexedDB.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { cdp } from 'vitest/browser';
import { ContextStore, Gmsa, type WorkerName } from '../index.js';
import { FIXTURE_URL, longText } from '../testing/fixture.js';
import { startWorker } from '../workers/start-worker.js';
import { CompressedContext } from './compressed-context.js';

const QUESTION = 'What does Anna have?';
const short = { maxNewTokens: 8 };

let gmsa: Gmsa;
let context: CompressedContext;
beforeAll(async () => {
  gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
  context = await gmsa.compress(longText(12));
});
afterAll(() => gmsa.dispose());

test('a saved context answers and is written back after a reload, without text and encoder', async () => {
  const file = context.toBlob();
  expect(await file.text()).not.toContain('Anna');
  const answer = await gmsa.ask(context, QUESTION, short).text();
  const restored = await gmsa.restore(context, short).text();

  const worker = vi.fn<(name: WorkerName) => Worker>(startWorker);
  const reloaded = await Gmsa.load(FIXTURE_URL, {
    device: 'wasm',
    encoder: 'on-demand',
    worker,
  });
  const opened = await reloaded.open(file);
  expect(opened.segments.every(({ text }) => text === undefined)).toBe(true);
  expect(await reloaded.ask(opened, QUESTION, short).text()).toBe(answer);
  expect(await reloaded.restore(opened, short).text()).toBe(restored);
  expect(worker.mock.calls).toEqual([['decoder']]);
  await reloaded.dispose();
});

test('a structured clone can be asked about, and opened to be saved again', async () => {
  const clone = structuredClone(context);
  const answer = await gmsa.ask(context, QUESTION, short).text();
  // @ts-expect-error a clone has no methods, so it is no CompressedContext to the type checker
  const unchecked: CompressedContext = { ...clone };
  expect(await gmsa.ask(unchecked, QUESTION, short).text()).toBe(answer);
  expect((await gmsa.open(clone)).toBlob().size).toBe(context.toBlob().size);
});

test('stats say how much was encoded', () => {
  expect(context.stats).toMatchObject({
    encodedSegments: context.segments.length,
    encodedTokens: context.tokens,
    reusedSegments: 0,
  });
  expect(context.stats.ms).toBeGreaterThan(0);
});

test('open takes a signal, and what is no context file is CORRUPT_FILE', async () => {
  await expect(gmsa.open(context.toBlob(), { signal: AbortSignal.abort('no') })).rejects.toBe('no');
  const controller = new AbortController();
  const opening = gmsa.open(context.toBlob(), { signal: controller.signal });
  controller.abort('now');
  await expect(opening).rejects.toBe('now');
  await expect(gmsa.open(new Blob(['x']))).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
});

describe('a store', () => {
  const name = 'contexts of a test';
  // First: once Chromium has seen much room it lets small writes through for a while.
  test('without room left put is STORAGE_FULL and the earlier context stays', async () => {
    const session = cdp() as unknown as { send(method: string, options: object): Promise<void> };
    const { origin } = location;
    const { usage } = await navigator.storage.estimate();
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage! + 200_000 });
    try {
      await store.put('a', context);
      const [segment] = context.segments;
      const large = { ...segment!, data: new Float32Array(1_000_000), tokens: 62_500, softTokens: 15_625 };
      await expect(
        store.put('a', new CompressedContext({ ...context, segments: [large] })),
      ).rejects.toMatchObject({
        code: 'STORAGE_FULL',
        message: expect.stringMatching(/no storage left .*MB are in use/),
        fix: expect.stringContaining('#delete'),
      });
      // Pages that are not served over https have IndexedDB, but cannot ask how full it is.
      vi.spyOn(navigator, 'storage', 'get').mockReturnValue(undefined as unknown as StorageManager);
      await expect(
        store.put('a', new CompressedContext({ ...context, segments: [large] })),
      ).rejects.toMatchObject({ code: 'STORAGE_FULL', message: expect.stringContaining('no storage left') });
    } finally {
      await session.send('Storage.overrideQuotaForOrigin', { origin });
    }
    expect(await gmsa.open((await store.get('a'))!)).toMatchObject({ tokens: context.tokens });
    expect(await store.list()).toHaveLength(1);
  });

  let store: ContextStore;
  beforeEach(async () => {
    store = await ContextStore.open(name);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    store.close();
    await new Promise((resolve) => {
      indexedDB.deleteDatabase(name).onsuccess = resolve;
    });
  });

  test('keeps contexts across openings, lists them, last first, and forgets them', async () => {
    expect(await store.list()).toEqual([]);
    await store.put('a', context);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const entry = await store.put('b', context, { text: true });
    store.close();
    store = await ContextStore.open(name);

    expect((await store.list()).map(({ key }) => key)).toEqual(['b', 'a']);
    expect((await store.list())[0]).toEqual(entry);
    expect(entry).toMatchObject({ modelName: 'fixture', rate: 4, tokens: context.tokens });
    const opened = await gmsa.open((await store.get('b'))!);
    expect(opened).toEqual(context);
    expect(entry.bytes).toBe((await store.get('b'))!.size);

    await store.delete('b');
    await store.delete('never there');
    expect(await store.get('b')).toBeUndefined();
    expect((await store.list()).map(({ key }) => key)).toEqual(['a']);
  });

  test('a second context under a key takes the place of the first', async () => {
    await store.put('a', context);
    await store.put('a', await gmsa.compress('Mia has a hat.'));
    expect(await store.list()).toHaveLength(1);
    expect((await gmsa.open((await store.get('a'))!)).segments).toHaveLength(1);
  });

  test('where the browser keeps no data it is UNSUPPORTED', async () => {
    vi.spyOn(IDBFactory.prototype, 'open').mockImplementation(() => {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    });
    await expect(ContextStore.open()).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('insecure'),
    });
  });

  test('a closed one is DISPOSED', async () => {
    store.close();
    store.close();
    for (const call of [
      () => store.list(),
      () => store.get('a'),
      () => store.put('a', context),
      () => store.delete('a'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'DISPOSED' });
    }
  });

  test('one closed while it saves keeps the whole context or nothing', async () => {
    const saving = store.put('a', context).then(
      () => 1,
      ({ code }: { code: string }) => {
        expect(code).toBe('DISPOSED');
        return 0;
      },
    );
    store.close();
    const saved = await saving;
    store = await ContextStore.open(name);
    expect(await store.list()).toHaveLength(saved);
    expect((await store.get('a')) !== undefined).toBe(saved === 1);
  });

  test.each([undefined, null, 5, {}])('the key %o is BAD_INPUT', async (key) => {
    const none = key as unknown as string;
    for (const call of [() => store.get(none), () => store.put(none, context), () => store.delete(none)]) {
      await expect(call()).rejects.toMatchObject({ code: 'BAD_INPUT' });
    }
  });

  test('what is no context is BAD_INPUT, and nothing is saved', async () => {
    const compression = gmsa.compress('A context, once it is awaited.');
    for (const value of [undefined, {}, compression, { ...context, segments: [] }]) {
      await expect(store.put('a', value as unknown as CompressedContext)).rejects.toMatchObject({
        code: 'BAD_INPUT',
        fix: expect.stringContaining('resolved to'),
      });
    }
    expect(await store.list()).toEqual([]);
    await compression;
  });

  test('one whose database another page deletes is UNSUPPORTED', async () => {
    await new Promise((resolve) => {
      indexedDB.deleteDatabase(name).onsuccess = resolve;
    });
    await expect(store.list()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
