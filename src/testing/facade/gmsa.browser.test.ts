// The library as a page uses it, workers included, with the tiny model of models/fixture.
import wasmUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type CompressedContext,
  type CompressProgress,
  crossOriginWorker,
  type FidelityProgress,
  Gmsa,
  GmsaError,
  type LoadProgress,
} from '../../index.js';
import { startWorker } from '../../workers/start-worker.js';
import { FIXTURE_URL, longText } from '../fixture.js';

const QUESTION = 'What does Anna have?';
const short = { maxNewTokens: 8 };

/** Of two segments, in the fixture's language. */
const TOY_TEXT =
  'The brave mouse lives in Cairo. The lazy wolf lives in Quito. The farmer sells black flutes.\n\nThe miller sells ' +
  'black maps. The singer sells golden books.\n\nThe brave owl eats nuts. The small cat eats bread. The pilot sells ' +
  'green clocks. The lazy horse eats honey.\n\nThe grey bear eats fish. The small fox lives in Tokyo.\n\nThe small ' +
  'goat lives in Dublin.';
/** Log-probabilities of "Anna has a red cat." at rate 4, by the PyTorch model of the same weights (`load_model`). */
const UNKNOWN = [
  -21.1832, -13.687, -8.3883, -11.4454, -12.282, -11.1017, -14.1424, -2.1396, -0.0003, -22.9133,
];

afterEach(() => vi.restoreAllMocks());

describe.each(['wasm', 'webgpu'] as const)('on %s', (device) => {
  let gmsa: Gmsa;
  const loading: LoadProgress[] = [];
  beforeAll(async () => {
    gmsa = await Gmsa.load(FIXTURE_URL, { device, onProgress: (progress) => loading.push(progress) });
  });
  afterAll(() => gmsa.dispose());

  test('says what it is', () => {
    expect(gmsa.device).toBe(device);
    expect(gmsa.dtype).toBe('fp32');
    expect(gmsa.model).toMatchObject({ name: 'fixture', rates: [2, 4, 8], segmentLength: 64, window: 1024 });
    expect(gmsa.model.refusal).toBeUndefined();
    expect(Object.isFrozen(gmsa.model) && Object.isFrozen(gmsa.model.rates)).toBe(true);
    if (device === 'wasm') expect(gmsa.adapter).toBeUndefined();
    else expect(gmsa.adapter).toMatchObject({ vendor: 'google', f16: false });
  });

  test('reports bytes, then sessions, then ready', () => {
    const bytes = loading.filter((progress) => progress.status === 'progress_total');
    expect(bytes.at(-1)).toMatchObject({
      loaded: gmsa.model.bytes,
      total: gmsa.model.bytes,
      progress: 100,
    });
    const sessions = loading.flatMap((progress) => (progress.status === 'session' ? [progress.name] : []));
    expect(new Set(sessions)).toEqual(
      new Set(['embed_tokens', 'encoder_model', 'lsa', 'decoder_model_merged']),
    );
    expect(loading.at(-1)).toEqual({ status: 'ready' });
  });

  test('compresses, answers, answers again from the kept context, and writes the text back', async () => {
    const text = longText(30);
    const progress: CompressProgress[] = [];
    const context = await gmsa.compress(text, { rate: 4, onProgress: (p) => progress.push(p) });
    expect(context).toMatchObject({ modelName: 'fixture', rate: 4, hiddenSize: 64 });
    expect(context.segments.map((segment) => segment.text).join('')).toBe(text);
    expect(context.tokens).toBe(await gmsa.countTokens(text));
    expect(context.softTokens * 64).toBe(context.segments.reduce((sum, { data }) => sum + data.length, 0));
    expect(progress[0]).toMatchObject({ segments: 0, tokens: 0, totalTokens: context.tokens });
    expect(progress.at(-1)).toMatchObject({
      segments: context.segments.length,
      totalSegments: context.segments.length,
      tokens: context.tokens,
    });

    const first = gmsa.ask(context, QUESTION, short);
    const chunks: string[] = [];
    for await (const chunk of first) chunks.push(chunk);
    expect(chunks.join('')).toBe(await first.text());
    expect((await first.stats).newTokens).toBe((await first.tokenIds).length);
    expect(await first.stats).toMatchObject({
      reusedContext: true, // prefilled while the text was compressed
      reusedTokens: context.softTokens + 1,
    });
    const second = gmsa.ask(context, QUESTION, short);
    expect(await second.text()).toBe(await first.text());
    expect((await second.stats).reusedContext).toBe(true);

    const restored = gmsa.restore(context, short);
    expect(typeof (await restored.text())).toBe('string');
    expect((await restored.stats).softTokens).toBe(context.softTokens);
    const full = gmsa.askFullText(text, QUESTION, short);
    expect((await full.stats).promptTokens).toBeGreaterThan(context.tokens);
  });

  test('a question may be asked while the text is compressed, and pays for itself alone', async () => {
    const text = longText(60);
    const context = await gmsa.compress(text, { rate: 4, prefill: false });
    const cold = gmsa.ask(context, QUESTION, short);
    expect((await cold.stats).reusedTokens).toBe(0);

    const compression = gmsa.compress(text, { rate: 4 });
    const early = gmsa.ask(compression, QUESTION, short);
    const restored = gmsa.restore(compression, { maxNewTokens: 4 });
    const segments: string[] = [];
    for await (const segment of compression) segments.push(segment.text!);
    expect(segments.join('')).toBe(text);
    expect(await early.text()).toBe(await cold.text());
    const { reusedTokens, promptTokens } = await early.stats;
    expect(reusedTokens).toBe((await compression).softTokens + 1);
    expect(promptTokens).toBe((await cold.stats).promptTokens - reusedTokens);
    expect((await restored.stats).softTokens).toBe(context.softTokens);
  });

  test('questions about a compression keep their order, and let one about a finished context go first', async () => {
    const ready = await gmsa.compress(longText(4));
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    const compression = gmsa.compress(longText(60));
    await Promise.all([
      gmsa.ask(compression, QUESTION, short).text().then(note('compression, first')),
      gmsa.ask(compression, 'Who has a hat?', short).text().then(note('compression, second')),
      gmsa.ask(ready, QUESTION, short).text().then(note('ready, first')),
      gmsa.ask(ready, 'Who has a hat?', short).text().then(note('ready, second')),
    ]);
    expect(order).toEqual(['ready, first', 'ready, second', 'compression, first', 'compression, second']);
  });

  test('a question about an aborted compression rejects with the reason, and other questions go on', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const compression = gmsa.compress(longText(150), { rate: 8, signal: controller.signal });
    const stream = gmsa.ask(compression, QUESTION);
    const ended = gmsa.ask(compression, QUESTION, { signal: AbortSignal.timeout(1) }).text();
    await expect(ended).rejects.toMatchObject({ name: 'TimeoutError' });
    for await (const segment of compression) {
      expect(segment.tokens).toBeGreaterThan(0);
      controller.abort(reason);
      break;
    }
    await expect(stream.text()).rejects.toBe(reason);
    await expect(compression).rejects.toBe(reason);
    await expect(gmsa.ask(compression, QUESTION).text()).rejects.toBe(reason);
    expect((await gmsa.ask(await gmsa.compress('a'), QUESTION, short).stats).softTokens).toBe(1);
  });

  test('a seed gives the same text again', async () => {
    const context = await gmsa.compress(longText(8));
    const drawn = async (seed: number) => {
      const options = { temperature: 3, topK: 0, topP: 0.99, seed, minNewTokens: 12, maxNewTokens: 12 };
      return gmsa.ask(context, QUESTION, options).tokenIds;
    };
    const first = await drawn(5);
    expect(await drawn(5)).toEqual(first);
    expect(await drawn(6)).not.toEqual(first);
  });

  test('a streamer gets the tokens, and stopping criteria end the text where they say', async () => {
    const context = await gmsa.compress(longText(8));
    const long = { minNewTokens: 30, maxNewTokens: 30 };
    const puts: bigint[][] = [];
    let ends = 0;
    const streamer = {
      put: ([ids]: bigint[][]) => {
        puts.push(ids!);
      },
      end: () => {
        ends += 1;
      },
    };
    const whole = await gmsa.ask(context, QUESTION, { ...long, streamer }).tokenIds;
    expect(puts[0]!.length).toBeGreaterThan(3);
    expect(puts.slice(1).map(([id]) => Number(id))).toEqual(whole);
    expect(ends).toBe(1);

    const stopped = gmsa.ask(context, QUESTION, {
      ...long,
      stoppingCriteria: ([ids]) => ids!.length >= puts[0]!.length + 3,
    });
    expect(await stopped.tokenIds).toEqual(whole.slice(0, 3));
    expect((await stopped.stats).stoppedBy).toBe('criteria');

    const failure = new Error('criterion');
    const failing = gmsa.ask(context, QUESTION, {
      ...long,
      streamer,
      stoppingCriteria: () => {
        throw failure;
      },
    });
    await expect(failing.text()).rejects.toBe(failure);
    expect(ends).toBe(1);
    expect((await gmsa.ask(context, QUESTION, short).stats).newTokens).toBeLessThanOrEqual(8);
  });

  test('fidelity is what PyTorch gives, for a text that survives and one that does not', async () => {
    const known = await gmsa.fidelity(gmsa.compress(TOY_TEXT, { rate: 4 }));
    expect(known.meanLogProbability).toBeCloseTo(-0.00128, 4);
    const unknown = await gmsa.fidelity(gmsa.compress('Anna has a red cat.', { rate: 4 }));
    expect(unknown.logProbabilities).toHaveLength(UNKNOWN.length);
    UNKNOWN.forEach((expected, i) => {
      expect(Math.abs(unknown.logProbabilities[i]! - expected)).toBeLessThan(5e-3);
    });
  });

  test('fidelity gives each token of the text its log-probability, and says how far it is', async () => {
    const text = longText(20);
    const context = await gmsa.compress(text);
    const progress: FidelityProgress[] = [];
    const fidelity = await gmsa.fidelity(context, { onProgress: (one) => progress.push(one) });
    expect(fidelity.pieces.join('')).toBe(text);
    expect(fidelity.logProbabilities).toHaveLength(context.tokens);
    expect(fidelity.tokenIds).toHaveLength(context.tokens);
    expect(fidelity.logProbabilities.every((value) => value <= 0)).toBe(true);
    const sum = fidelity.logProbabilities.reduce((total, value) => total + value, 0);
    expect(fidelity.meanLogProbability).toBeCloseTo(sum / context.tokens, 5);
    expect(progress.map(({ segments }) => segments)).toEqual(context.segments.map((_, i) => i + 1));
    expect(progress.at(-1)).toMatchObject({ tokens: context.tokens, totalTokens: context.tokens });

    const controller = new AbortController();
    const { signal } = controller;
    const aborted = gmsa.fidelity(context, { signal, onProgress: () => controller.abort('enough') });
    await expect(aborted).rejects.toBe('enough');
    const whole = await gmsa.fidelity(gmsa.compress('Anna has a cat.'));
    expect(whole.pieces.join('')).toBe('Anna has a cat.');
  });

  test('the text of one token is compressed and asked about', async () => {
    const context = await gmsa.compress('a');
    expect(context).toMatchObject({ tokens: 1, softTokens: 1 });
    expect((await gmsa.ask(context, QUESTION, short).stats).softTokens).toBe(1);
  });

  test('100,000 tokens are TOO_LONG, whole across the worker boundary', async () => {
    const error = await gmsa.compress('word '.repeat(100_000)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GmsaError);
    expect(error).toMatchObject({ code: 'TOO_LONG', message: expect.stringContaining('1024 positions') });
    expect((error as GmsaError).fix).toMatch(/No trained rate fits. Shorten the text to about \d+ tokens/);
  });

  test('an abort of compress rejects with the reason, and the model can be used on', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const compression = gmsa.compress(longText(150), {
      rate: 8,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(compression).rejects.toBe(reason);
    expect((await gmsa.compress('It goes on.')).segments).toHaveLength(1);
  });

  test('an abort of ask ends the stream with an AbortError after what came before it', async () => {
    const context = await gmsa.compress(longText(8));
    const controller = new AbortController();
    const stream = gmsa.ask(context, QUESTION, {
      signal: controller.signal,
      minNewTokens: 400,
      maxNewTokens: 400,
    });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const piece of stream) {
        seen.push(piece);
        controller.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    await expect(stream.stats).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen.length).toBeGreaterThan(0);
    expect((await gmsa.ask(context, QUESTION, short).stats).newTokens).toBeLessThanOrEqual(8);
  });
});

describe('bad input', () => {
  let gmsa: Gmsa;
  let context: CompressedContext;
  beforeAll(async () => {
    gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
    context = await gmsa.compress(longText(4));
  });
  afterAll(() => gmsa.dispose());

  test.each(['', ' \n\t', '\u3000\u00a0'])('text "%s" is BAD_INPUT', async (text) => {
    await expect(gmsa.compress(text)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(gmsa.askFullText(text, QUESTION).text()).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('text that is no string is BAD_INPUT', async () => {
    // @ts-expect-error text is a string
    await expect(gmsa.compress(undefined)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    // @ts-expect-error text is a string
    await expect(gmsa.countTokens(5)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test.each<[string, (options: object) => Promise<unknown>]>([
    ['compress', (options) => gmsa.compress('text', options)],
    ['update', (options) => gmsa.update(context, 'text', options)],
    ['open', (options) => gmsa.open(context, options)],
    ['ask', (options) => gmsa.ask(context, QUESTION, options).text()],
    ['restore', (options) => gmsa.restore(context, options).text()],
    ['askFullText', (options) => gmsa.askFullText('text', QUESTION, options).text()],
    ['fidelity', (options) => gmsa.fidelity(context, options)],
    ['countTokens', (options) => gmsa.countTokens('text', options)],
    ['load', (options) => Gmsa.load(FIXTURE_URL, options)],
    ['support', (options) => Gmsa.support(FIXTURE_URL, options)],
    ['isCached', (options) => Gmsa.isCached(FIXTURE_URL, options)],
    ['clearCache', (options) => Gmsa.clearCache(FIXTURE_URL, options)],
  ])('%s with a controller in place of its signal, or null as options, is BAD_INPUT', async (_, call) => {
    await expect(call({ signal: new AbortController() })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(call(null as unknown as object)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('a context whose soft tokens were transferred away is BAD_INPUT', async () => {
    const lost = await gmsa.compress(longText(3));
    structuredClone(lost, { transfer: lost.segments.map(({ data }) => data.buffer) });
    for (const call of [
      () => gmsa.ask(lost, QUESTION).text(),
      () => gmsa.restore(lost).text(),
      () => gmsa.fidelity(lost),
      () => gmsa.update(lost, longText(3)),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'BAD_INPUT' });
    }
  });

  test('a criterion that is no function is BAD_INPUT', async () => {
    // @ts-expect-error a criterion is a function
    await expect(gmsa.ask(context, QUESTION, { stoppingCriteria: {} }).text()).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });

  test.each(['', '   '])('question "%s" is BAD_INPUT', async (question) => {
    await expect(gmsa.ask(context, question).text()).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test.each([0, 3, 16, 2.5, Number.NaN])('rate %f is BAD_RATE, naming the trained ones', async (rate) => {
    await expect(gmsa.compress('text', { rate })).rejects.toMatchObject({
      code: 'BAD_RATE',
      message: expect.stringContaining(String(rate)),
      fix: expect.stringContaining('2, 4, 8'),
    });
  });

  test('a question about a compression that fails rejects as it does', async () => {
    const failing = gmsa.compress('word '.repeat(100_000));
    await expect(gmsa.ask(failing, QUESTION).text()).rejects.toMatchObject({ code: 'TOO_LONG' });
    await expect(gmsa.restore(gmsa.compress('')).text()).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('an encoder option that there is not is BAD_INPUT', async () => {
    const encoder = 'lazy' as 'eager';
    await expect(Gmsa.load(FIXTURE_URL, { encoder })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test.each([-1, Number.NaN])('kvCacheBytes %f is BAD_INPUT', async (kvCacheBytes) => {
    await expect(Gmsa.load(FIXTURE_URL, { kvCacheBytes })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });

  test('kvCacheBytes: 0 keeps no cache, under its old name too', async () => {
    for (const budget of [{ kvCacheBytes: 0 }, { keyValueBudgetBytes: 0 }]) {
      const forgetful = await Gmsa.load(FIXTURE_URL, { device: 'wasm', ...budget });
      try {
        const own = await forgetful.compress('Anna has a red cat.');
        await forgetful.ask(own, QUESTION, short).text();
        const again = await forgetful.ask(own, QUESTION, short).stats;
        expect(again.reusedTokens).toBe(0);
      } finally {
        await forgetful.dispose();
      }
    }
  });

  test.each([0, -1, 1.5])('maxNewTokens %f is BAD_INPUT', async (maxNewTokens) => {
    await expect(gmsa.ask(context, QUESTION, { maxNewTokens }).text()).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    await expect(gmsa.restore(context, { maxNewTokens }).text()).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test.each([{ temperature: -1 }, { topK: 1.5 }, { topP: 2 }, { repetitionPenalty: 0 }, { seed: 0.5 }])(
    '%o is BAD_INPUT',
    async (options) => {
      await expect(gmsa.ask(context, QUESTION, options).text()).rejects.toMatchObject({ code: 'BAD_INPUT' });
      await expect(gmsa.restore(context, options).text()).rejects.toMatchObject({ code: 'BAD_INPUT' });
    },
  );

  test('minNewTokens above maxNewTokens is BAD_INPUT', async () => {
    const stream = gmsa.ask(context, QUESTION, { minNewTokens: 9, maxNewTokens: 8 });
    await expect(stream.text()).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('a context of another model is OTHER_MODEL, of nothing at all BAD_INPUT', async () => {
    const other = { ...context, modelName: 'another', modelHash: '0'.repeat(64) };
    await expect(gmsa.ask(other, QUESTION).text()).rejects.toMatchObject({
      code: 'OTHER_MODEL',
      message: expect.stringContaining('another'),
    });
    // @ts-expect-error a context is an object
    await expect(gmsa.restore(undefined).text()).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('fidelity without the text to compare with is BAD_INPUT', async () => {
    const segments = context.segments.map(({ text: _, ...segment }) => segment);
    await expect(gmsa.fidelity({ ...context, segments })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('saved without its text'),
    });
  });

  test('an answer longer than the window is TOO_LONG', async () => {
    await expect(gmsa.ask(context, QUESTION, { maxNewTokens: 2000 }).text()).rejects.toMatchObject({
      code: 'TOO_LONG',
    });
  });

  test('NUL bytes, lone surrogates, right-to-left and CJK text are compressed and asked about', async () => {
    for (const text of ['a\0b\0', 'x \ud83d y \udc00', 'שלום עולם. مرحبا', '雪国は美しい。長いトンネル。']) {
      const one = await gmsa.compress(text);
      expect(one.segments.map((segment) => segment.text).join('')).toBe(text.toWellFormed());
      const answer = await gmsa.ask(one, `${text}?`, short).text();
      expect(answer.isWellFormed()).toBe(true);
    }
  });

  test('a signal aborted beforehand rejects with its reason', async () => {
    const signal = AbortSignal.abort('too late');
    await expect(gmsa.compress('text', { signal })).rejects.toBe('too late');
    await expect(gmsa.ask(context, QUESTION, { signal }).text()).rejects.toBe('too late');
    await expect(Gmsa.load(FIXTURE_URL, { signal })).rejects.toBe('too late');
  });
});

describe('loading', () => {
  test.each([
    ['a folder that is not there', new URL('nowhere/', FIXTURE_URL), /MODEL_NOT_FOUND|BAD_MODEL/],
    ['an HTML page', new URL('/', location.href), /BAD_MODEL|MODEL_NOT_FOUND/],
    ['a server that is not there', 'http://127.0.0.1:1/model/', /NETWORK/],
  ])('%s', async (_, url, code) => {
    // Vite's development server answers some missing paths with its own page: BAD_MODEL then.
    await expect(Gmsa.load(url)).rejects.toMatchObject({
      name: 'GmsaError',
      code: expect.stringMatching(code),
    });
  });

  test('a 404 is MODEL_NOT_FOUND', async () => {
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response('', { status: 404 }));
    await expect(Gmsa.load('/nowhere')).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('/nowhere/'),
    });
  });

  test('a cache that is none, or an option worker that gives none, is an error of ours', async () => {
    // @ts-expect-error a cache has methods
    await expect(Gmsa.load(FIXTURE_URL, { cache: {} })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    // @ts-expect-error a worker, not a promise of one
    await expect(Gmsa.load(FIXTURE_URL, { worker: async () => startWorker() })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('did not return a Worker'),
    });
  });

  test('a listener that throws when all is ready ends the workers', async () => {
    const terminate = vi.spyOn(Worker.prototype, 'terminate');
    const failure = new Error('listener');
    const onProgress = ({ status }: LoadProgress) => {
      if (status === 'ready') throw failure;
    };
    await expect(Gmsa.load(FIXTURE_URL, { device: 'wasm', onProgress })).rejects.toBe(failure);
    expect(terminate).toHaveBeenCalledTimes(2);
  });

  test('two loads at once give two models; one is disposed, the other answers on', async () => {
    await Gmsa.clearCache(FIXTURE_URL);
    const [one, other] = await Promise.all([1, 2].map(() => Gmsa.load(FIXTURE_URL, { device: 'wasm' })));
    expect(await Gmsa.isCached(FIXTURE_URL, { device: 'wasm' })).toBe(true);
    const context = await one!.compress(longText(4));
    const answer = await one!.ask(context, QUESTION, short).tokenIds;
    const disposal = one!.dispose();
    expect(await other!.ask(context, QUESTION, short).tokenIds).toEqual(answer);
    await disposal;
    expect((await other!.compress('text')).segments).toHaveLength(1);
    await other!.dispose();
  });

  test("device 'webgpu' without an adapter is UNSUPPORTED; 'auto' takes wasm", async () => {
    vi.spyOn(GPU.prototype, 'requestAdapter').mockResolvedValue(null);
    await expect(Gmsa.load(FIXTURE_URL, { device: 'webgpu' })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const gmsa = await Gmsa.load(FIXTURE_URL);
    expect(gmsa.device).toBe('wasm');
    await gmsa.dispose();
  });

  test("device 'auto' prefers wasm to a software adapter", async () => {
    const gmsa = await Gmsa.load(FIXTURE_URL);
    expect(gmsa.device).toBe('wasm');
    await gmsa.dispose();
  });

  test('a dtype that the model does not offer is UNSUPPORTED', async () => {
    await expect(Gmsa.load(FIXTURE_URL, { device: 'wasm', dtype: 'q4' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('it offers fp32'),
    });
  });

  test('an abort while sessions are created rejects with the reason and ends the workers', async () => {
    const controller = new AbortController();
    const terminate = vi.spyOn(Worker.prototype, 'terminate');
    const load = Gmsa.load(FIXTURE_URL, {
      device: 'wasm',
      signal: controller.signal,
      onProgress: ({ status }) => {
        if (status === 'session') controller.abort();
      },
    });
    await expect(load).rejects.toMatchObject({ name: 'AbortError' });
    expect(terminate).toHaveBeenCalledTimes(2);
  });

  test("ONNX Runtime's wasm comes from where wasmPaths says", async () => {
    const gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm', wasmPaths: { wasm: wasmUrl } });
    expect(await gmsa.countTokens('a')).toBe(1);
    await gmsa.dispose();
    const nowhere = { wasm: new URL('nowhere.wasm', 'http://127.0.0.1:1/').href };
    await expect(Gmsa.load(FIXTURE_URL, { device: 'wasm', wasmPaths: nowhere })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      fix: expect.stringContaining('wasmPaths'),
    });
  });

  test('a worker whose script fails is WORKER_CRASHED', async () => {
    const script = URL.createObjectURL(new Blob(['throw new Error("boom")'], { type: 'text/javascript' }));
    const load = Gmsa.load(FIXTURE_URL, { device: 'wasm', worker: () => new Worker(script) });
    await expect(load).rejects.toMatchObject({
      code: 'WORKER_CRASHED',
      message: expect.stringMatching(/(compressor|decoder) worker.*boom/),
    });
  });

  test.each([
    ['an address that is none', 'http://', 'UNSUPPORTED'],
    ['a server that is not there', 'http://127.0.0.1:1/gmsa.worker.js', 'WORKER_CRASHED'],
  ])('a worker of another origin, at %s', async (_, address, code) => {
    const load = Gmsa.load(FIXTURE_URL, { device: 'wasm', worker: () => crossOriginWorker(address) });
    await expect(load).rejects.toMatchObject({ name: 'GmsaError', code });
  });
});

describe('the end', () => {
  test('after dispose every call is DISPOSED, the ones under way too', async () => {
    const gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
    const context = await gmsa.compress(longText(4));
    const stream = gmsa.ask(context, QUESTION, { minNewTokens: 800, maxNewTokens: 800 });
    const compression = gmsa.compress(longText(150), { rate: 8 });
    const disposal = gmsa.dispose();
    await expect(stream.text()).rejects.toMatchObject({ code: 'DISPOSED' });
    await expect(compression).rejects.toMatchObject({ code: 'DISPOSED' });
    await disposal;
    await gmsa.dispose();
    for (const call of [
      () => gmsa.compress('text'),
      () => gmsa.update(context, 'text'),
      () => gmsa.open(context.toBlob()),
      () => gmsa.ask(context, QUESTION).text(),
      () => gmsa.restore(context).stats,
      () => gmsa.askFullText('text', QUESTION).tokenIds,
      () => gmsa.fidelity(context),
      () => gmsa.countTokens('text'),
      () => gmsa.releaseEncoder(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'DISPOSED' });
    }
  });

  test('a worker that dies rejects the calls it leaves behind, and the next call starts another', async () => {
    const compressors: Worker[] = [];
    const gmsa = await Gmsa.load(FIXTURE_URL, {
      device: 'wasm',
      worker: (name) => {
        const worker = startWorker();
        if (name === 'compressor') compressors.push(worker);
        return worker;
      },
    });
    const compression = gmsa.compress(longText(150), { rate: 8 });
    compressors[0]!.dispatchEvent(new ErrorEvent('error', { message: 'boom', cancelable: true }));
    await expect(compression).rejects.toMatchObject({
      code: 'WORKER_CRASHED',
      message: expect.stringContaining('boom'),
    });
    expect((await gmsa.compress('text')).segments).toHaveLength(1);
    expect(compressors).toHaveLength(2);
    await gmsa.dispose();
  });
});
