import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DecoderGraph, KeyValueCache, type Step } from './decoder-graph.js';
import { generate, trimmed } from './generate.js';
import { CpuLogits } from './logits.js';
import { createSampler } from './sampler.js';

/** A decoder that says `script` token by token, and counts the caches that are alive. */
function scriptedDecoder(script: number[], failAt = Number.POSITIVE_INFINITY) {
  const state = { live: 0, appended: [] as number[][] };
  const decoder: Pick<DecoderGraph, 'appendTokens'> = {
    appendTokens: async (past, ids, checkpoint): Promise<Step> => {
      await checkpoint();
      if (state.appended.length === failAt) throw new Error('broken run');
      const next = script[state.appended.length]!;
      state.appended.push([...ids]);
      const cache = new KeyValueCache(new Map(), past.length + ids.length);
      state.live += 1;
      cache.dispose = () => {
        state.live -= 1;
      };
      const logits = new Float32Array(10);
      logits[next] = 2;
      logits[1] = 1; // the second choice everywhere
      return { logits: new CpuLogits(logits), cache };
    },
  };
  return { decoder: decoder as DecoderGraph, state };
}

const past = new KeyValueCache(new Map(), 5);
const run = (
  decoder: DecoderGraph,
  maxNewTokens: number,
  { checkpoint = async () => {}, minNewTokens = 0, stopAt = -1 } = {},
) => {
  const seen: number[] = [];
  const options = {
    minNewTokens,
    maxNewTokens,
    endIds: [9, 0],
    checkpoint,
    sampler: createSampler({}),
    onToken: (id: number) => {
      seen.push(id);
      return id === stopAt;
    },
  };
  return { seen, generated: generate(decoder, past, [7, 8], options) };
};

test('ends at an end id, which is not part of the text', async () => {
  const { decoder, state } = scriptedDecoder([3, 4, 9, 5]);
  const { seen, generated } = run(decoder, 64);
  expect(await generated).toMatchObject({ tokenIds: [3, 4], stoppedBy: 'end' });
  expect(seen).toEqual([3, 4]);
  expect(state.appended).toEqual([[7, 8], [3], [4]]);
  expect(state.live).toBe(0);
});

test('ends at the length without a run too many', async () => {
  const { decoder, state } = scriptedDecoder([3, 4, 5]);
  expect(await run(decoder, 2).generated).toMatchObject({ tokenIds: [3, 4], stoppedBy: 'length' });
  expect(state.appended).toEqual([[7, 8], [3]]);
  expect(state.live).toBe(0);
});

test('end ids are passed over until there are enough tokens', async () => {
  const { decoder } = scriptedDecoder([9, 0, 4, 9]);
  const { generated } = run(decoder, 64, { minNewTokens: 2 });
  expect(await generated).toMatchObject({ tokenIds: [1, 1, 4], stoppedBy: 'end' });
});

test('an end id as the first token gives an empty answer', async () => {
  const { decoder } = scriptedDecoder([0]);
  expect(await run(decoder, 64).generated).toMatchObject({ tokenIds: [], stoppedBy: 'end' });
});

test('nothing is left alive after an abort or a failed run', async () => {
  const { decoder, state } = scriptedDecoder([3, 4, 5, 6]);
  let checks = 0;
  const stop = new DOMException('stopped', 'AbortError');
  const { generated } = run(decoder, 64, {
    checkpoint: async () => {
      checks += 1;
      if (checks === 3) throw stop;
    },
  });
  await expect(generated).rejects.toBe(stop);
  expect(state.live).toBe(0);

  const broken = scriptedDecoder([3, 4, 5, 6], 2);
  await expect(run(broken.decoder, 64).generated).rejects.toThrow('broken run');
  expect(broken.state.live).toBe(0);
});

test('ends behind the token at which the caller says so', async () => {
  const { decoder, state } = scriptedDecoder([3, 4, 5, 6]);
  const { generated } = run(decoder, 64, { stopAt: 4 });
  expect(await generated).toMatchObject({ tokenIds: [3, 4], stoppedBy: 'criteria' });
  expect(state.appended).toEqual([[7, 8], [3]]);
  expect(state.live).toBe(0);
});

test('logits without a number are an error, not token 0, greedy or drawn', async () => {
  const logits = () => new CpuLogits(new Float32Array(4).fill(Number.NaN));
  const sampling = { temperature: 1, topK: 0, topP: 1 };
  for (const settings of [{}, { repetitionPenalty: 2 }, { sampling }]) {
    await expect(createSampler(settings)(logits(), [1], [])).rejects.toMatchObject({ code: 'INTERNAL' });
  }
});

test('the chunks, joined, are the trimmed text, however it was cut', () => {
  const chunk = fc.string({ unit: fc.constantFrom(' ', '\n', '\u00a0', 'a', 'é', '😀'), maxLength: 4 });
  fc.assert(
    fc.property(fc.array(chunk), (chunks) => {
      const written: string[] = [];
      const write = trimmed((text) => written.push(text));
      for (const text of chunks) write(text);
      expect(written.join('')).toBe(chunks.join('').trim());
      expect(written).not.toContain('');
    }),
  );
});
