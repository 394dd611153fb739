import { describe, expect, test } from 'vitest';
import { type DecoderGraph, KeyValueCache, type Step } from './decoder-graph.js';
import { checkTokens, scoreTokens } from './fidelity.js';
import { CpuLogits } from './logits.js';

const VOCABULARY = 8;
/** Log-probability of `next` after `id`: depends on both, and is the same wherever they stand. */
const logit = (id: number, next: number) => ((id * 5 + next * 3) % 7) / 2;

/** A decoder that counts the caches and logits that are alive, and how many positions each run had. */
function fakeDecoder(hasAllLogits: boolean, failAt = Number.POSITIVE_INFINITY) {
  const state = { live: 0, runs: [] as number[] };
  const step = (past: KeyValueCache, ids: readonly number[], from: number): Step => {
    if (state.runs.length === failAt) throw new Error('broken run');
    state.runs.push(ids.length);
    const rows = ids
      .slice(from)
      .flatMap((id) => Array.from({ length: VOCABULARY }, (_, next) => logit(id, next)));
    const cache = new KeyValueCache(new Map(), past.length + ids.length);
    const logits = new CpuLogits(Float32Array.from(rows));
    state.live += 2;
    for (const one of [cache, logits]) {
      one.dispose = () => {
        state.live -= 1;
      };
    }
    return { cache, logits };
  };
  const decoder: Pick<DecoderGraph, 'hasAllLogits' | 'appendTokens' | 'appendScored'> = {
    hasAllLogits,
    appendTokens: async (past, ids) => step(past, ids, -1),
    appendScored: async (past, ids) => step(past, ids, 0),
  };
  return { decoder: decoder as DecoderGraph, state };
}

const past = new KeyValueCache(new Map(), 3);
const checkpoint = async () => {};
const tokenIds = Array.from({ length: 150 }, (_, i) => (i * 3) % VOCABULARY);
const promptIds = [6, 2];
const expected = tokenIds.map((id, i) => {
  const before = i === 0 ? promptIds.at(-1)! : tokenIds[i - 1]!;
  const total = Array.from({ length: VOCABULARY }, (_, next) => Math.exp(logit(before, next)));
  return logit(before, id) - Math.log(total.reduce((sum, value) => sum + value));
});

describe.each([
  ['with logits of every position', true, [1, 64, 64, 22]],
  ['with logits of the last position alone', false, [1, ...Array(150).fill(1)]],
])('%s', (_, hasAllLogits, runs) => {
  test('each token is scored at the position before it', async () => {
    const { decoder, state } = fakeDecoder(hasAllLogits);
    const scores = await scoreTokens(decoder, past, promptIds, tokenIds, checkpoint);
    expect(state.runs).toEqual(runs);
    scores.forEach((score, i) => {
      expect(score).toBeCloseTo(expected[i]!, 5);
    });
    expect(state.live).toBe(0);
  });

  test('an abort or a failed run leaves nothing alive', async () => {
    const broken = fakeDecoder(hasAllLogits, 2);
    await expect(scoreTokens(broken.decoder, past, promptIds, tokenIds, checkpoint)).rejects.toThrow(
      'broken run',
    );
    expect(broken.state.live).toBe(0);

    const stopped = fakeDecoder(hasAllLogits);
    let checks = 0;
    const stop = async () => {
      checks += 1;
      if (checks === 2) throw new DOMException('stopped', 'AbortError');
    };
    await expect(scoreTokens(stopped.decoder, past, promptIds, tokenIds, stop)).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(stopped.state.live).toBe(0);
  });

  test('a prompt of one token needs no run of its own', async () => {
    const { decoder, state } = fakeDecoder(hasAllLogits);
    const scores = await scoreTokens(decoder, past, [2], [3], checkpoint);
    expect(state.runs).toEqual([1]);
    expect(scores).toHaveLength(1);
  });
});

test('a text of another length is BAD_INPUT, naming its segment', () => {
  checkTokens(0, 2, [1, 2]);
  expect(() => checkTokens(1, 3, [1, 2])).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringContaining('Segment 2') }),
  );
});
