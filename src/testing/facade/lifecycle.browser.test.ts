// What becomes of a loaded model: device loss, crashes, the encoder coming and going, and the end.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Gmsa, type LoadOptions, type LoadProgress } from '../../index.js';
import { GraphSession } from '../../workers/runtime/graph-session.js';
import { startWorker } from '../../workers/start-worker.js';
import { FIXTURE_URL, longText } from '../fixture.js';
import { countLiveBuffers, type LiveBuffers } from '../live-buffers.js';
import { observedWorkers } from '../observed-workers.js';
import { pageWorkers } from '../page-workers.js';

const QUESTION = 'What does Anna have?';
const short = { maxNewTokens: 4 };
const long = { minNewTokens: 300, maxNewTokens: 300 };

let opened: Gmsa[] = [];
const load = async (options: LoadOptions) => {
  const gmsa = await Gmsa.load(FIXTURE_URL, options);
  opened.push(gmsa);
  return gmsa;
};
afterEach(async () => {
  await Promise.all(opened.map((gmsa) => gmsa.dispose()));
  opened = [];
  vi.restoreAllMocks();
});

/** Resolves with the first piece. */
async function firstPiece(stream: AsyncIterable<string>): Promise<void> {
  for await (const _ of stream) return;
}

describe('a GPU that fails', () => {
  let observed: ReturnType<typeof observedWorkers>;
  beforeEach(() => {
    observed = observedWorkers();
  });
  afterEach(() => observed.stop());

  test('a lost device rejects what is under way; the next question prefills the context anew and is answered alike', async () => {
    const gmsa = await load({ device: 'webgpu', worker: observed.worker });
    const context = await gmsa.compress(longText(6));
    const before = await gmsa.ask(context, QUESTION, short).text();
    const underWay = gmsa.ask(context, QUESTION, long);
    await firstPiece(underWay);
    observed.tell('lose the device');
    await expect(underWay.text()).rejects.toMatchObject({ code: 'DEVICE_LOST' });

    const after = gmsa.ask(context, QUESTION, short);
    expect(await after.text()).toBe(before);
    expect((await after.stats).reusedContext).toBe(false);
    // The compressor's device was lost while nothing was under way: nobody is told, and it works on.
    expect((await gmsa.compress(longText(6))).segments[0]!.data).toEqual(context.segments[0]!.data);
    expect(observed.names().toSorted()).toEqual(['compressor', 'compressor', 'decoder', 'decoder']);
  });

  test('out of memory rejects what is under way, and the next call works', async () => {
    const gmsa = await load({ device: 'webgpu', worker: observed.worker });
    const context = await gmsa.compress(longText(4));
    const answer = await gmsa.ask(context, QUESTION, short).text();
    const underWay = gmsa.ask(context, QUESTION, long);
    await firstPiece(underWay);
    observed.tell('run out of memory');
    await expect(underWay.text()).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringContaining('too much'),
    });
    expect(await gmsa.ask(context, QUESTION, short).text()).toBe(answer);
  });

  test('devices lost while segments are scored reject the compression, and compressing works again', async () => {
    const gmsa = await load({ device: 'webgpu', worker: observed.worker });
    const text = longText(30);
    const targetTokens = (await gmsa.compress(text, { rate: 8, prefill: false })).softTokens + 10;
    let isLost = false;
    const underWay = gmsa.compress(text, {
      targetTokens,
      onProgress: ({ tokens }) => {
        // Once: a decoder that has started anew to go on scoring would lose its device, too.
        if (tokens > 0 && !isLost) observed.tell('lose the device');
        isLost ||= tokens > 0;
      },
    });
    await expect(underWay).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    // Both workers lost theirs; of the second loss the page may hear in the next call only.
    const context = await gmsa.compress(text, { targetTokens }).catch(async (error: unknown) => {
      expect(error).toMatchObject({ code: 'DEVICE_LOST' });
      return gmsa.compress(text, { targetTokens });
    });
    expect(new Set(context.segments.map(({ rate }) => rate))).toEqual(new Set([4, 8]));
    const starts = (name: string) => observed.names().filter((started) => started === name).length;
    expect(starts('compressor')).toBe(2);
    // A decoder that was starting for a compression that failed is given up with it, and started once more.
    expect([2, 3]).toContain(starts('decoder'));
  });
});

describe('GPU buffers', () => {
  let live: LiveBuffers;
  let page: ReturnType<typeof pageWorkers>;
  beforeEach(() => {
    live = countLiveBuffers();
    page = pageWorkers();
  });
  afterEach(() => live.stop());

  test('releaseEncoder frees those of the encoder; contexts are asked about on, and compressing brings it back', async () => {
    const gmsa = await load({ device: 'webgpu', worker: page.worker });
    const text = longText(6);
    const context = await gmsa.compress(text);
    const answer = await gmsa.ask(context, QUESTION, short).text();
    const all = live.labels().length;
    await gmsa.releaseEncoder();
    await gmsa.releaseEncoder();
    expect(live.labels().length).toBeLessThan(all);
    const lost = await Promise.race(live.devices.map((device) => device.lost));
    expect(lost.reason).toBe('destroyed');
    const again = gmsa.ask(context, QUESTION, short);
    expect(await again.text()).toBe(answer);
    expect((await again.stats).reusedContext).toBe(true);
    const fetches = vi.spyOn(globalThis, 'fetch');
    expect((await gmsa.compress(text)).segments[0]!.data).toEqual(context.segments[0]!.data);
    expect(fetches.mock.calls.filter(([url]) => String(url).includes('/fixture/'))).toEqual([]);
    await gmsa.dispose();
    expect(live.labels()).toEqual([]);
  });

  test('dispose while all is under way leaves no GPU buffer; twice is harmless', async () => {
    const gmsa = await load({ device: 'webgpu', worker: page.worker });
    const context = await gmsa.compress(longText(4));
    const stream = gmsa.ask(context, QUESTION, long);
    await firstPiece(stream);
    const compression = gmsa.compress(longText(60), { rate: 8 });
    const ends = [stream.text(), compression].map((end) =>
      expect(end).rejects.toMatchObject({ code: 'DISPOSED' }),
    );
    await Promise.all([gmsa.dispose(), gmsa.dispose()]);
    await Promise.all(ends);
    await gmsa.dispose();
    await expect.poll(() => live.labels()).toEqual([]);
    await expect(gmsa.releaseEncoder()).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});

describe('the encoder on demand', () => {
  const files = (progress: LoadProgress[]) =>
    progress.flatMap((event) => (event.status === 'done' ? [event.file] : []));
  const sessions = (progress: LoadProgress[]) =>
    progress.flatMap((event) => (event.status === 'session' ? [event.name] : []));

  test('loads the decoder alone; a context is asked about and tokens are counted without it; compress brings it', async () => {
    const page = pageWorkers();
    const other = await load({ device: 'wasm' });
    const text = longText(6);
    const saved = structuredClone(await other.compress(text));
    const answer = await other.ask(saved, QUESTION, short).text();

    const progress: LoadProgress[] = [];
    const gmsa = await load({
      device: 'wasm',
      cache: false,
      encoder: 'on-demand',
      worker: page.worker,
      onProgress: (event) => progress.push(event),
    });
    expect(await gmsa.ask(saved, QUESTION, short).text()).toBe(answer);
    expect(await gmsa.countTokens(text)).toBe(saved.tokens);
    await gmsa.releaseEncoder();
    expect(page.names()).toEqual(['decoder']);
    expect(sessions(progress)).toEqual(['embed_tokens', 'decoder_model_merged']);
    expect(files(progress).filter((file) => /encoder|lsa/.test(file))).toEqual([]);

    progress.length = 0;
    const context = await gmsa.compress(text);
    expect(context.segments.map(({ data }) => data)).toEqual(saved.segments.map(({ data }) => data));
    expect(page.names()).toEqual(['decoder', 'compressor']);
    expect(sessions(progress)).toEqual(['embed_tokens', 'encoder_model', 'lsa']);
    expect(files(progress).length).toBeGreaterThan(0);
    expect(files(progress).filter((file) => !/encoder|lsa/.test(file))).toEqual([]);
  });

  test('an abort while it comes rejects with the reason and ends its worker; the next compress works', async () => {
    const page = pageWorkers();
    const controller = new AbortController();
    let abort = true;
    const gmsa = await load({
      device: 'wasm',
      encoder: 'on-demand',
      worker: page.worker,
      onProgress: (event) => {
        if (event.status === 'session' && event.name === 'encoder_model' && abort) controller.abort('enough');
      },
    });
    await expect(gmsa.compress('text', { signal: controller.signal })).rejects.toBe('enough');
    expect(page.latest('compressor').terminated).toBe(true);
    abort = false;
    expect((await gmsa.compress('text')).segments).toHaveLength(1);
  });
});

describe('a worker that dies', () => {
  test('without an error is noticed, and the next call starts another', async () => {
    const decoders: Worker[] = [];
    const gmsa = await load({
      device: 'wasm',
      worker: (name) => {
        const worker = startWorker();
        if (name === 'decoder') decoders.push(worker);
        return worker;
      },
    });
    const context = await gmsa.compress(longText(4));
    const stream = gmsa.ask(context, QUESTION, { minNewTokens: 800, maxNewTokens: 800 });
    await firstPiece(stream);
    // No event tells of this, nor when the browser ends a worker for its memory.
    Worker.prototype.terminate.call(decoders[0]!);
    await expect(stream.text()).rejects.toMatchObject({
      code: 'WORKER_CRASHED',
      message: expect.stringContaining('decoder'),
    });
    expect((await gmsa.ask(context, QUESTION, short).stats).reusedContext).toBe(false);
    expect(decoders).toHaveLength(2);
  });

  test('in a trap of ONNX Runtime’s wasm gets WORKER_CRASHED, and the next call starts another', async () => {
    const page = pageWorkers();
    const gmsa = await load({ device: 'wasm', worker: page.worker });
    const trap = new WebAssembly.RuntimeError('memory access out of bounds');
    const run = vi.spyOn(GraphSession.prototype, 'run').mockRejectedValueOnce(trap);
    await expect(gmsa.compress('text')).rejects.toMatchObject({
      code: 'WORKER_CRASHED',
      message: expect.stringContaining('out of bounds'),
    });
    run.mockRestore();
    expect((await gmsa.compress('text')).segments).toHaveLength(1);
    expect(page.names().filter((name) => name === 'compressor')).toHaveLength(2);
  });
});
