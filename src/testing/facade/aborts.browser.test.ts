// An abort rejects at once with the signal's reason, and the work behind it stops within a segment or a token. The workers'
// code runs in the page, so that its runs of graphs can be counted.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type CompressedContext, Gmsa } from '../../index.js';
import { Decoder } from '../../workers/decoder/decoder.js';
import { GraphSession } from '../../workers/runtime/graph-session.js';
import { FIXTURE_URL, longText } from '../fixture.js';
import { pageWorkers } from '../page-workers.js';

const QUESTION = 'What does Anna have?';
const TEXT = longText(12);
/** embed_tokens, encoder_model, lsa. */
const RUNS_PER_SEGMENT = 3;
/** embed_tokens, decoder_model_merged. */
const RUNS_PER_TOKEN = 2;
const long = { minNewTokens: 300, maxNewTokens: 300 };

let gmsa: Gmsa;
let context: CompressedContext;
const runs = vi.spyOn(GraphSession.prototype, 'run');

beforeAll(async () => {
  gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm', worker: pageWorkers().worker });
  context = await gmsa.compress(TEXT, { rate: 4 });
});
afterAll(async () => {
  await gmsa.dispose();
  runs.mockRestore();
});

/** Runs of graphs after the abort, once the workers have come to rest. */
async function runsAfter(aborted: number): Promise<number> {
  for (let before = -1; before !== runs.mock.calls.length; ) {
    before = runs.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return runs.mock.calls.length - aborted;
}

async function abortedAtFirstPiece(
  generate: (signal: AbortSignal) => AsyncIterable<string>,
): Promise<number> {
  const controller = new AbortController();
  const reason = new Error('enough');
  let atAbort = 0;
  const reading = async () => {
    for await (const _ of generate(controller.signal)) {
      if (controller.signal.aborted) continue;
      controller.abort(reason);
      atAbort = runs.mock.calls.length;
    }
  };
  await expect(reading()).rejects.toBe(reason);
  return runsAfter(atAbort);
}

/** Aborts when the call reports progress for the first time; gives the runs of graphs after that. */
async function abortedAtFirstProgress(
  call: (options: { signal: AbortSignal; onProgress: () => void }) => Promise<unknown>,
): Promise<number> {
  const controller = new AbortController();
  const reason = new Error('enough');
  let atAbort = 0;
  const onProgress = () => {
    if (!controller.signal.aborted) atAbort = runs.mock.calls.length;
    controller.abort(reason);
  };
  await expect(call({ signal: controller.signal, onProgress })).rejects.toBe(reason);
  return runsAfter(atAbort);
}

test.each<[string, Parameters<typeof abortedAtFirstProgress>[0]]>([
  ['compress', (options) => gmsa.compress(longText(200), { rate: 8, prefill: false, ...options })],
  ['update', (options) => gmsa.update(context, longText(200), { prefill: false, ...options })],
])('%s stops within a segment', async (_, call) => {
  expect(await abortedAtFirstProgress(call)).toBeLessThanOrEqual(RUNS_PER_SEGMENT);
});

test('compress stops within a segment while the decoder scores, in both workers', async () => {
  const text = longText(100);
  const { softTokens } = await gmsa.compress(text, { rate: 8, prefill: false });
  const scoring = vi.spyOn(Decoder.prototype, 'restorationLosses');
  const controller = new AbortController();
  const reason = new Error('enough');
  let atAbort = 0;
  const compression = gmsa.compress(text, {
    targetTokens: softTokens + 30,
    prefill: false,
    signal: controller.signal,
    onProgress: ({ tokens }) => {
      if (tokens === 0 || controller.signal.aborted) return;
      atAbort = runs.mock.calls.length;
      controller.abort(reason);
    },
  });
  await expect(compression).rejects.toBe(reason);
  // The decoder's run that is under way, and a segment of the encoder.
  expect(await runsAfter(atAbort)).toBeLessThanOrEqual(RUNS_PER_SEGMENT + RUNS_PER_TOKEN);
  const stopped = await Promise.allSettled(scoring.mock.results.map(({ value }) => value));
  expect(stopped.length).toBeGreaterThan(0);
  expect(stopped.length).toBeLessThan(5);
  scoring.mockRestore();
});

test('fidelity stops within a run', async () => {
  const several = await gmsa.compress(longText(100), { prefill: false });
  expect(several.segments.length).toBeGreaterThan(3);
  const after = await abortedAtFirstProgress((options) => gmsa.fidelity(several, options));
  expect(after).toBeLessThanOrEqual(RUNS_PER_TOKEN);
});

test.each([
  ['ask', (signal: AbortSignal) => gmsa.ask(context, QUESTION, { ...long, signal })],
  ['restore', (signal: AbortSignal) => gmsa.restore(context, { signal })],
  ['askFullText', (signal: AbortSignal) => gmsa.askFullText(TEXT, QUESTION, { ...long, signal })],
])('%s stops within a token', async (_, generate) => {
  expect(await abortedAtFirstPiece(generate)).toBeLessThanOrEqual(RUNS_PER_TOKEN);
  expect((await gmsa.ask(context, QUESTION, { maxNewTokens: 2 }).stats).newTokens).toBeLessThanOrEqual(2);
});

test('countTokens rejects though it has begun', async () => {
  const controller = new AbortController();
  const counting = gmsa.countTokens('word '.repeat(100_000), { signal: controller.signal });
  controller.abort('enough');
  await expect(counting).rejects.toBe('enough');
  expect(await gmsa.countTokens('a')).toBe(1);
});

test.each([
  ['compress', (signal: AbortSignal) => gmsa.compress('text', { signal })],
  ['ask', (signal: AbortSignal) => gmsa.ask(context, QUESTION, { signal }).text()],
  ['restore', (signal: AbortSignal) => gmsa.restore(context, { signal }).text()],
  ['askFullText', (signal: AbortSignal) => gmsa.askFullText('text', QUESTION, { signal }).text()],
  ['update', (signal: AbortSignal) => gmsa.update(context, `${TEXT} More.`, { signal })],
  ['fidelity', (signal: AbortSignal) => gmsa.fidelity(context, { signal })],
  ['open', (signal: AbortSignal) => gmsa.open(context.toBlob(), { signal })],
  ['countTokens', (signal: AbortSignal) => gmsa.countTokens('text', { signal })],
  ['load', (signal: AbortSignal) => Gmsa.load(FIXTURE_URL, { signal })],
])('%s with a signal aborted before does nothing but reject with its reason', async (_, call) => {
  const before = runs.mock.calls.length;
  await expect(call(AbortSignal.abort('too late'))).rejects.toBe('too late');
  expect(runs.mock.calls.length).toBe(before);
});
