// Worker only. From logits to the next token: the likeliest, found where the logits are, or one drawn from all of them
// as transformers.js draws it: temperature, then top-k, then top-p. (Its own warpers for the last two do nothing, and it does not tree-shake.)
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { notFinite } from '../../errors.js';
import type { GenerationSettings, Sampling } from './api.js';
import { CpuLogits, type Logits } from './logits.js';

/**
 * @param seen ids of the prompt and of what has been generated
 * @param masked ids that must not come
 * @throws GmsaError `INTERNAL` if no logit is a finite number
 */
export type Sampler = (logits: Logits, seen: readonly number[], masked: readonly number[]) => Promise<number>;

/** One for a whole call, so that a seed stands for all of its text. */
export function createSampler({
  sampling,
  repetitionPenalty = 1,
}: Pick<GenerationSettings, 'sampling' | 'repetitionPenalty'>): Sampler {
  if (!sampling && repetitionPenalty === 1) return (logits, _, masked) => logits.argmax(masked);
  const random = sampling && seededRandom(sampling.seed);
  return async (logits, seen, masked) => {
    const values = await logits.values();
    if (repetitionPenalty !== 1) penaliseRepetition(values, seen, repetitionPenalty);
    if (!sampling) return new CpuLogits(values).argmax(masked);
    for (const id of masked) values[id] = Number.NEGATIVE_INFINITY;
    return sample(values, sampling, random!);
  };
}

/** Numbers in [0, 1), the same for the same seed. */
export type Random = () => number;

/** @param seed any number; unset: another one each time */
export function seededRandom(seed = crypto.getRandomValues(new Uint32Array(1))[0]!): Random {
  const generator = xoroshiro128plus(seed);
  generator.jump(); // the first numbers of small seeds are nearly all alike
  return () => uniformFloat64(generator);
}

/** Makes the ids that have been seen less likely, in place. A penalty below 1 makes them more likely. */
export function penaliseRepetition(logits: Float32Array, seen: readonly number[], penalty: number): void {
  for (const id of new Set(seen)) logits[id]! *= logits[id]! < 0 ? penalty : 1 / penalty;
}

interface Candidate {
  id: number;
  probability: number;
}

/**
 * What may be drawn, the likeliest first; equal ones by id. Probabilities sum to 1 before top-p cuts them.
 * @throws GmsaError `INTERNAL` if no logit is a finite number
 */
export function candidates(logits: Float32Array, { temperature, topK, topP }: Sampling): Candidate[] {
  const ids = largest(logits, topK > 0 ? topK : logits.length);
  if (ids.length === 0) throw notFinite('The decoder returned no finite logits');
  const weights = ids.map((id) => Math.exp((logits[id]! - logits[ids[0]!]!) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const all = ids.map((id, i) => ({ id, probability: weights[i]! / total }));
  if (topP >= 1) return all;
  let sum = 0;
  const enough = all.findIndex(({ probability }) => {
    sum += probability;
    return sum >= topP;
  });
  return enough < 0 ? all : all.slice(0, enough + 1);
}

/** Draws a token. Rejects as `candidates` does. */
export function sample(logits: Float32Array, sampling: Sampling, random: Random): number {
  const drawable = candidates(logits, sampling);
  let left = random() * drawable.reduce((sum, { probability }) => sum + probability, 0);
  const drawn = drawable.find(({ probability }) => {
    left -= probability;
    return left < 0;
  });
  return (drawn ?? drawable.at(-1)!).id;
}

/** Ids of the `count` largest finite logits, descending. */
function largest(logits: Float32Array, count: number): number[] {
  const descending = (a: number, b: number) => logits[b]! - logits[a]! || a - b;
  let ids: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id += 1) {
    if (!(logits[id]! > least) || !Number.isFinite(logits[id])) continue;
    ids.push(id);
    // Twice as many as are wanted, and then the better half: sorting now and again is cheaper than keeping order.
    if (ids.length === 2 * count) {
      ids = ids.sort(descending).slice(0, count);
      least = logits[ids.at(-1)!]!;
    }
  }
  return ids.sort(descending).slice(0, count);
}
