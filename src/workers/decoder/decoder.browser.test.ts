import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fixtureSetup, longText, testJob } from '../../testing/fixture.js';
import { countLiveBuffers, type LiveBuffers } from '../../testing/live-buffers.js';
import { float16FromFloat32, float32FromFloat16 } from '../../utils/float16.js';
import type { CompressEvent, SegmentEvent } from '../compressor/api.js';
import { Compressor } from '../compressor/compressor.js';
import { Engine } from '../runtime/engine.js';
import { Tokenizer } from '../runtime/tokenizer.js';
import type { ConcreteDevice } from '../setup.js';
import type { TokenisedSegment } from '../soft-tokens.js';
import type {
  ContextRequest,
  GenerationEvent,
  GenerationResult,
  GenerationSettings,
  ScoredSegment,
  SegmentFidelity,
} from './api.js';
import { Decoder } from './decoder.js';
import { DecoderGraph, disposeStep } from './decoder-graph.js';

const RATE = 4;
const SIZE: GenerationSettings = { minNewTokens: 0, maxNewTokens: 12 };
const QUESTION = 'What does Anna have?';
let segments: SegmentEvent[];
let nextId = 1;

/** The same soft tokens under a new id: nothing is kept for it. */
const freshContext = (): ContextRequest => ({ contextId: nextId++, rate: RATE, segments });

beforeAll(async () => {
  const compressor = await Compressor.create(await fixtureSetup('wasm'), () => {});
  const { job, events } = testJob<CompressEvent>();
  await compressor.compress(longText(40), { target: { rate: RATE }, known: [] }, job);
  segments = events.flatMap((event) => (event.type === 'segment' ? [event.segment] : []));
  await compressor.dispose();
});

const create = async (device: ConcreteDevice, budget: { kvCacheBytes?: number } = {}) =>
  Decoder.create({ ...(await fixtureSetup(device)), ...budget }, () => {});

const textOf = (events: GenerationEvent[]) =>
  events.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('');

async function run(
  work: (job: ReturnType<typeof testJob<GenerationEvent>>['job']) => Promise<GenerationResult>,
) {
  const { job, events } = testJob<GenerationEvent>();
  const result = await work(job);
  return { ...result, text: textOf(events) };
}

/** From the last position's logits alone, a run a token, the softmax taken here. */
async function scoredOneByOne(device: ConcreteDevice, part: SegmentEvent, tokenIds: number[]) {
  const setup = await fixtureSetup(device);
  const engine = await Engine.create(device);
  const graph = await DecoderGraph.create(engine, setup, () => {});
  const checkpoint = async () => {};
  const { prefixIds, restoreInstruction } = setup.config;
  const promptIds = new Tokenizer(setup.tokenizer).encode(restoreInstruction);
  try {
    const prefix = await graph.appendTokens(graph.emptyCache(), prefixIds, checkpoint);
    const context = await graph.appendSoftTokens(prefix.cache, part.data, checkpoint);
    disposeStep(prefix);
    let step = await graph.appendTokens(context, promptIds, checkpoint);
    context.dispose();
    const scores: number[] = [];
    for (const id of tokenIds) {
      const logits = Array.from(await step.logits.values());
      const maximum = Math.max(...logits);
      scores.push(
        logits[id]! - maximum - Math.log(logits.reduce((sum, v) => sum + Math.exp(v - maximum), 0)),
      );
      const before = step;
      step = await graph.appendTokens(before.cache, [id], checkpoint);
      disposeStep(before);
    }
    disposeStep(step);
    return scores;
  } finally {
    await graph.release();
    engine.dispose();
  }
}

describe.each<ConcreteDevice>(['wasm', 'webgpu'])('on %s', (device) => {
  let decoder: Decoder;
  const ask = (context: ContextRequest, question = QUESTION, size = SIZE) =>
    run((job) => decoder.ask(context, question, size, job));

  beforeAll(async () => {
    decoder = await create(device);
  });
  afterAll(() => decoder.dispose());

  test('asking twice gives the same answer, and the second time prefills the question alone', async () => {
    const context = freshContext();
    const first = await ask(context);
    const second = await ask(context);
    const softTokens = segments.reduce((sum, segment) => sum + segment.softTokens, 0);
    expect(second.tokenIds).toEqual(first.tokenIds);
    expect(second.text).toBe(first.text);
    expect(first.stats).toMatchObject({ reusedContext: false, reusedTokens: 0, softTokens });
    expect(second.stats).toMatchObject({ reusedContext: true, reusedTokens: softTokens + 1, softTokens });
    expect(first.stats.promptTokens - second.stats.promptTokens).toBe(softTokens + 1); // the prefix
  });

  test('another question in between changes nothing, nor does forgetting the context', async () => {
    const context = freshContext();
    const first = await ask(context);
    await ask(context, 'Who has a much longer question than the one before it, and why?');
    expect((await ask(context)).tokenIds).toEqual(first.tokenIds);
    await decoder.forget(context.contextId);
    const forgotten = await ask(context);
    expect(forgotten.stats.reusedContext).toBe(false);
    expect(forgotten.tokenIds).toEqual(first.tokenIds);
  });

  test('questions at once are answered one after the other, each as alone', async () => {
    const [a, b] = [freshContext(), freshContext()];
    const alone = [await ask(a), await ask(b, 'Who has a hat?')];
    const together = await Promise.all([ask(a), ask(b, 'Who has a hat?'), ask(a)]);
    expect(together.map(({ tokenIds }) => tokenIds)).toEqual(
      [alone[0]!, alone[1]!, alone[0]!].map(({ tokenIds }) => tokenIds),
    );
  });

  test('answers come in the order in which they are asked, prefill included', async () => {
    const order: string[] = [];
    const asking = (name: string, context: ContextRequest) => ask(context).then(() => order.push(name));
    const kept = freshContext();
    await ask(kept);
    await Promise.all([
      asking('first', freshContext()),
      asking('second', kept),
      asking('third', freshContext()),
    ]);
    expect(order).toEqual(['first', 'second', 'third']);
  });

  test('segments appended as they are finished give the same answer, and leave the question alone to pay for', async () => {
    const alone = await ask(freshContext());
    const context = freshContext();
    segments.forEach((segment, i) => void decoder.append(context.contextId, i, [segment]));
    const { tokenIds, stats } = await ask(context);
    expect(tokenIds).toEqual(alone.tokenIds);
    expect(stats).toMatchObject({ reusedContext: true, reusedTokens: stats.softTokens + 1 });
    expect(stats.promptTokens).toBe(alone.stats.promptTokens - stats.reusedTokens);
  });

  test('a question prefills the segments that are missing, whichever they are', async () => {
    const alone = await ask(freshContext());
    const started = freshContext();
    await decoder.append(started.contextId, 0, segments.slice(0, 2));
    const first = await ask(started);
    expect(first.tokenIds).toEqual(alone.tokenIds);
    const begun = segments[0]!.softTokens + segments[1]!.softTokens + 1;
    expect(first.stats).toMatchObject({ reusedContext: false, reusedTokens: begun });

    const beheaded = freshContext();
    await decoder.append(beheaded.contextId, 2, segments.slice(2));
    const second = await ask(beheaded);
    expect(second.tokenIds).toEqual(alone.tokenIds);
    expect(second.stats).toMatchObject({ reusedContext: false, reusedTokens: 0 });
  });

  test('contexts beyond the budget are prefilled again, with the same answer', async () => {
    const context = freshContext();
    const softTokens = segments.reduce((sum, segment) => sum + segment.softTokens, 0);
    const { layers, keyValueHeads, headDim } = (await fixtureSetup(device)).config;
    const kvCacheBytes = (softTokens + 1) * 2 * layers * keyValueHeads * headDim * 4; // f32; one context
    const tight = await create(device, { kvCacheBytes });
    const small = await create(device, { kvCacheBytes: kvCacheBytes - 1 });
    const askOf = (one: Decoder, about: ContextRequest) => run((job) => one.ask(about, QUESTION, SIZE, job));
    try {
      const first = await askOf(tight, context);
      expect((await askOf(tight, context)).stats.reusedContext).toBe(true);
      await askOf(tight, freshContext());
      const evicted = await askOf(tight, context);
      expect(evicted.stats.reusedContext).toBe(false);
      expect(evicted.tokenIds).toEqual(first.tokenIds);
      await askOf(small, context);
      expect((await askOf(small, context)).stats.reusedContext).toBe(false);
    } finally {
      await tight.dispose();
      await small.dispose();
    }
  });

  test('tokens are counted as the compressor counts them', async () => {
    const tokens = segments.reduce((sum, segment) => sum + segment.tokens, 0);
    const { job, controller } = testJob<never>();
    expect(await decoder.countTokens(longText(40), job)).toBe(tokens);
    expect(await decoder.countTokens('', job)).toBe(0);
    controller.abort();
    await expect(decoder.countTokens(longText(400), job)).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('a restoration is that of each segment, in order', async () => {
    const context = { ...freshContext(), segments: segments.slice(0, 2) };
    const restore = (part: ContextRequest) =>
      run((job) => decoder.restore(part, { minNewTokens: 0, maxNewTokens: 10 }, job));
    const whole = await restore(context);
    const parts = [];
    for (const segment of context.segments)
      parts.push(await restore({ ...freshContext(), segments: [segment] }));
    expect(whole.tokenIds).toEqual(parts.flatMap((part) => part.tokenIds));
    expect(whole.text).toBe(parts.map((part) => part.text).join(''));
    expect(whole.stats.promptTokens).toBe(parts.reduce((sum, part) => sum + part.stats.promptTokens, 0));
  });

  test('the full text is prefilled token by token in place of the soft tokens', async () => {
    const { stats } = await run((job) => decoder.askFullText(longText(10), QUESTION, SIZE, job));
    expect(stats).toMatchObject({ softTokens: 0, reusedContext: false });
    expect(stats.promptTokens).toBeGreaterThan(100);
  });

  test('soft tokens stored as f16 are understood', async () => {
    const halves = segments.map((segment) => ({
      ...segment,
      data: float16FromFloat32(segment.data as Float32Array),
    }));
    const exact = halves.map((segment) => ({ ...segment, data: float32FromFloat16(segment.data) }));
    const fromHalves = await ask({ ...freshContext(), segments: halves });
    const fromExact = await ask({ ...freshContext(), segments: exact });
    expect(fromHalves.tokenIds).toEqual(fromExact.tokenIds);
  });

  test.each([
    ['a question of NULs and a lone surrogate', '\0 \ud83d \0?'],
    ['right-to-left', 'מה יש לאנה؟'],
    ['with what means something to String.replace', "$& $1 $' {question}"],
  ])('%s is answered', async (_, question) => {
    const { stats, text } = await ask(freshContext(), question);
    expect(stats.newTokens).toBeGreaterThanOrEqual(0);
    expect(text).toBe(text.trim());
    expect(text.isWellFormed()).toBe(true);
  });

  test('the same seed draws the same text, another one another text', async () => {
    const context = freshContext();
    const drawn = async (seed: number) => {
      const sampling = { temperature: 3, topK: 0, topP: 1, seed };
      return (await ask(context, QUESTION, { minNewTokens: 10, maxNewTokens: 10, sampling })).tokenIds;
    };
    const first = await drawn(1);
    expect(first).toHaveLength(10);
    expect(await drawn(1)).toEqual(first);
    expect(await drawn(2)).not.toEqual(first);
  });

  test('top-k of 1 is greedy', async () => {
    const context = freshContext();
    const sampling = { temperature: 1, topK: 1, topP: 1 };
    const size = { minNewTokens: 8, maxNewTokens: 8 };
    const greedy = await ask(context, QUESTION, size);
    expect((await ask(context, QUESTION, { ...size, sampling })).tokenIds).toEqual(greedy.tokenIds);
  });

  test('a high repetition penalty repeats no token', async () => {
    const size = { minNewTokens: 20, maxNewTokens: 20, repetitionPenalty: 1e6 };
    const { tokenIds } = await ask(freshContext(), QUESTION, size);
    expect(new Set(tokenIds).size).toBe(20);
    const plain = await ask(freshContext(), QUESTION, { minNewTokens: 20, maxNewTokens: 20 });
    expect(new Set(plain.tokenIds).size).toBeLessThan(20);
  });

  test('who watches sees prompt and tokens, and ends the text', async () => {
    const context = freshContext();
    const settings = { minNewTokens: 6, maxNewTokens: 6, isWatched: true };
    const watch = async (stopAfter: number) => {
      let tokens = 0;
      const { job, events } = testJob<GenerationEvent>((event) => {
        if (event.type !== 'token') return undefined;
        tokens += 1;
        return tokens === stopAfter;
      });
      return { ...(await decoder.ask(context, QUESTION, settings, job)), events };
    };
    const whole = await watch(Number.POSITIVE_INFINITY);
    const prompt = whole.events[0] as GenerationEvent & { type: 'prompt' };
    expect(prompt.type).toBe('prompt');
    expect(prompt.ids.length).toBeGreaterThan(3);
    expect(whole.events.flatMap((event) => (event.type === 'token' ? [event.id] : []))).toEqual(
      whole.tokenIds,
    );
    const cut = await watch(2);
    expect(cut.tokenIds).toEqual(whole.tokenIds.slice(0, 2));
    expect(cut.stats.stoppedBy).toBe('criteria');

    let seen = 0;
    const { job, events } = testJob<GenerationEvent>((event) => event.type === 'token' && ++seen === 3);
    const several = { ...freshContext(), segments: segments.slice(0, 2) };
    const restored = await decoder.restore(several, { minNewTokens: 0, isWatched: true }, job);
    expect(restored.tokenIds).toHaveLength(3); // the second segment is not begun
    expect(events.filter(({ type }) => type === 'prompt')).toHaveLength(1);
  });

  test('logits that are not finite are an error, greedy or drawn, and the next question is answered', async () => {
    const data = new Float32Array(segments[0]!.data.length).fill(Number.NaN);
    const broken = () => ({ ...freshContext(), segments: [{ ...segments[0]!, data }] });
    const sampling = { temperature: 1, topK: 0, topP: 1 };
    for (const size of [SIZE, { ...SIZE, sampling }]) {
      await expect(ask(broken(), QUESTION, size)).rejects.toMatchObject({
        code: 'INTERNAL',
        message: expect.stringContaining('no finite logits'),
      });
    }
    expect((await ask(freshContext())).tokenIds).toEqual((await ask(freshContext())).tokenIds);
  });

  test('fidelity is the log-softmax of the logits at each token of the segment, had one by one', async () => {
    const [part] = segments as [SegmentEvent & { text: string }];
    const { job, events } = testJob<SegmentFidelity>();
    await decoder.fidelity([part], RATE, job);
    const [scored] = events as [SegmentFidelity];
    expect(scored.tokenIds).toHaveLength(part.tokens);
    expect(scored.tokenTexts.join('')).toBe(part.text);
    expect(await scoredOneByOne(device, part, scored.tokenIds)).toSatisfy((expected: number[]) =>
      expected.every((value, i) => Math.abs(value - scored.logProbabilities[i]!) < 2e-3),
    );
  });

  test('the restoration loss of a segment is the mean of what fidelity says, whatever others there are', async () => {
    const parts = segments.slice(0, 3) as (SegmentEvent & { text: string })[];
    const { job, events } = testJob<SegmentFidelity>();
    await decoder.fidelity(parts, RATE, job);
    const expected = events.map(
      ({ logProbabilities }) =>
        -logProbabilities.reduce((sum, value) => sum + value, 0) / logProbabilities.length,
    );
    const tokenised = parts.map(({ softTokens, data }, i) => ({
      ids: events[i]!.tokenIds,
      softTokens,
      data,
    }));
    const lossesOf = (some: TokenisedSegment[]) =>
      decoder.restorationLosses(some, RATE, testJob<never>().job);
    expect(await lossesOf(tokenised)).toEqual(expected);
    expect(await lossesOf([tokenised[2]!])).toEqual([expected[2]]);
  });

  test('measuring the restoration stops at an abort, and soft tokens that are not finite are an error', async () => {
    const { softTokens, data } = segments[0]!;
    const ids = Array.from({ length: 40 }, (_, i) => i + 5);
    const { job, controller } = testJob<never>();
    const measured = decoder.restorationLosses([{ ids, softTokens, data }], RATE, job);
    controller.abort();
    await expect(measured).rejects.toMatchObject({ name: 'AbortError' });
    const broken = { ids, softTokens, data: new Float32Array(data.length).fill(Number.NaN) };
    await expect(decoder.restorationLosses([broken], RATE, testJob<never>().job)).rejects.toMatchObject({
      code: 'INTERNAL',
    });
  });

  test('the soft tokens of another segment restore this text badly', async () => {
    const [a, b] = segments as (SegmentEvent & { text: string })[];
    const meanOf = async (part: ScoredSegment) => {
      const { job, events } = testJob<SegmentFidelity>();
      await decoder.fidelity([part], RATE, job);
      const { logProbabilities } = events[0]!;
      return logProbabilities.reduce((sum, value) => sum + value, 0) / logProbabilities.length;
    };
    const own = await meanOf(a!);
    const foreign = await meanOf({ ...a!, softTokens: b!.softTokens, data: b!.data });
    expect(own).toBeLessThanOrEqual(0);
    expect(own).toBeGreaterThan(foreign + 0.5);
  });

  test('a segment whose text is another one is BAD_INPUT', async () => {
    const { job } = testJob<SegmentFidelity>();
    const other = { ...segments[0]!, text: 'Something else.' };
    await expect(decoder.fidelity([other], RATE, job)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('Segment 1'),
    });
  });

  test('more new tokens than the window has room for are TOO_LONG', async () => {
    const big = { minNewTokens: 0, maxNewTokens: 1024 };
    await expect(ask(freshContext(), QUESTION, big)).rejects.toMatchObject({
      code: 'TOO_LONG',
      message: expect.stringContaining('limit of 1024'),
    });
    await expect(run((job) => decoder.askFullText('a', QUESTION, big, job))).rejects.toMatchObject({
      code: 'TOO_LONG',
    });
  });

  test('an abort stops between tokens, and the next question is answered', async () => {
    const context = freshContext();
    const { job, events, controller } = testJob<GenerationEvent>();
    let checks = 0;
    const stopping = {
      ...job,
      checkpoint: async () => {
        checks += 1;
        if (checks === 5) controller.abort();
        await job.checkpoint();
      },
    };
    const size = { minNewTokens: 60, maxNewTokens: 60 };
    await expect(decoder.ask(context, QUESTION, size, stopping)).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(checks).toBe(5);
    expect(textOf(events).length).toBeLessThan(60);
    expect((await ask(context)).tokenIds).toEqual((await ask(freshContext())).tokenIds);
  });
});

test('WebGPU and wasm give the same answer and the same restoration', async () => {
  const [gpu, cpu] = [await create('webgpu'), await create('wasm')];
  try {
    for (const question of [QUESTION, 'Who has a red cat?', 'What is green?']) {
      const [a, b] = [
        await run((job) => gpu.ask(freshContext(), question, SIZE, job)),
        await run((job) => cpu.ask(freshContext(), question, SIZE, job)),
      ];
      expect(a.tokenIds).toEqual(b.tokenIds);
    }
    const context = { ...freshContext(), segments: segments.slice(0, 3) };
    const [a, b] = [
      await run((job) => gpu.restore(context, { minNewTokens: 0 }, job)),
      await run((job) => cpu.restore(context, { minNewTokens: 0 }, job)),
    ];
    expect(a.text).toBe(b.text);
  } finally {
    await gpu.dispose();
    await cpu.dispose();
  }
});

describe('resources', () => {
  let live: LiveBuffers;
  afterEach(() => live.stop());

  test('caches of contexts and steps do not pile up, and no GPU buffer is left after dispose', async () => {
    live = countLiveBuffers();
    const decoder = await create('webgpu');
    const context = freshContext();
    await run((job) => decoder.ask(context, QUESTION, SIZE, job));
    await run((job) => decoder.ask(context, QUESTION, SIZE, job));
    const before = live.labels().length;
    for (let i = 0; i < 3; i += 1) await run((job) => decoder.ask(context, QUESTION, SIZE, job));
    expect(live.labels().length).toBeLessThanOrEqual(before);
    await decoder.dispose();
    await decoder.dispose();
    expect(live.labels()).toEqual([]);
  });

  /** Sizes of what is read back from the GPU meanwhile. */
  async function readBackDuring(work: () => Promise<void>): Promise<number[]> {
    const sizes: number[] = [];
    const { mapAsync } = GPUBuffer.prototype;
    GPUBuffer.prototype.mapAsync = function (...parameters) {
      sizes.push(this.size);
      return mapAsync.apply(this, parameters);
    };
    try {
      await work();
    } finally {
      Object.assign(GPUBuffer.prototype, { mapAsync });
    }
    return sizes;
  }

  test('greedy tokens are chosen on the GPU: no more than eight bytes come back for one', async () => {
    live = countLiveBuffers();
    const decoder = await create('webgpu');
    let tokens = 0;
    const sizes = await readBackDuring(async () => {
      const { stats } = await run((job) => decoder.ask(freshContext(), QUESTION, SIZE, job));
      tokens = stats.newTokens + (stats.stoppedBy === 'end' ? 1 : 0);
    });
    expect(sizes).toEqual(Array(tokens).fill(8));
    await decoder.dispose();
  });

  test('tokens are scored on the GPU: eight bytes come back for each', async () => {
    live = countLiveBuffers();
    const decoder = await create('webgpu');
    const { job } = testJob<SegmentFidelity>();
    const sizes = await readBackDuring(() => decoder.fidelity(segments, RATE, job));
    const tokens = segments.reduce((sum, segment) => sum + segment.tokens, 0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(8 * tokens);
    await decoder.dispose();
    expect(live.labels()).toEqual([]);
  });

  test('a forgotten context is freed, even while it is prefilled', async () => {
    live = countLiveBuffers();
    const decoder = await create('webgpu');
    const rounds = async () => {
      const { contextId } = freshContext();
      const prefills = segments.map((segment, i) => decoder.append(contextId, i, [segment]).catch(() => {}));
      const last = decoder.forget(contextId);
      await Promise.all([...prefills, last]);
      return live.labels().length;
    };
    await rounds();
    const before = await rounds();
    for (let i = 0; i < 5; i += 1) expect(await rounds()).toBeLessThanOrEqual(before);
    await decoder.dispose();
    expect(live.labels()).toEqual([]);
  });

  test('a lost device rejects with DEVICE_LOST', async () => {
    live = countLiveBuffers();
    const decoder = await create('webgpu');
    live.devices[0]!.destroy();
    await live.devices[0]!.lost;
    await expect(run((job) => decoder.ask(freshContext(), QUESTION, SIZE, job))).rejects.toMatchObject({
      code: 'DEVICE_LOST',
    });
    await decoder.dispose();
  });
});
