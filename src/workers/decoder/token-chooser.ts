// Worker only. Which token comes next: the likeliest, found where the logits are, or one drawn from all logits.
import type { GenerationSettings } from './api.js';
import { CpuLogits, type Logits } from './logits.js';
import { penaliseRepetition, sample, seededRandom } from './sampler.js';

/**
 * @param seen ids of the prompt and of what has been generated
 * @param masked ids that must not come
 * @throws GmsaError `INTERNAL` if no logit is a finite number
 */
export type TokenChooser = (
  logits: Logits,
  seen: readonly number[],
  masked: readonly number[],
) => Promise<number>;

/** One for a whole call, so that a seed stands for all of its text. */
export function tokenChooser({
  sampling,
  repetitionPenalty = 1,
}: Pick<GenerationSettings, 'sampling' | 'repetitionPenalty'>): TokenChooser {
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
