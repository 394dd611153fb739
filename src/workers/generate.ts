// Worker only. Greedy decoding on top of a kept cache.
import { notFinite } from '../errors.js';
import type { AnswerLength } from '../protocol.js';
import type { Checkpoint, DecoderGraph } from './decoder-graph.js';
import type { KeyValueCache } from './key-value-cache.js';

export interface GenerateOptions extends AnswerLength {
  endIds: readonly number[];
  /** Runs before every step; throws to stop. */
  checkpoint: Checkpoint;
  /** Called with each token but the end token. */
  onToken: (id: number) => void;
}

export interface Generated {
  tokenIds: number[];
  stoppedBy: 'end' | 'length';
  /** `performance.now()` when the first token was known. */
  firstTokenAt: number;
  endedAt: number;
}

/**
 * Appends the prompt's tokens to the past and generates from there.
 * @param past stays the caller's, and unchanged
 * @param promptIds at least one
 */
export async function generate(
  decoder: DecoderGraph,
  past: KeyValueCache,
  promptIds: readonly number[],
  { minNewTokens, maxNewTokens, endIds, checkpoint, onToken }: GenerateOptions,
): Promise<Generated> {
  const tokenIds: number[] = [];
  let step = await decoder.appendTokens(past, promptIds, checkpoint);
  try {
    const firstTokenAt = performance.now();
    for (;;) {
      if (tokenIds.length < minNewTokens) for (const id of endIds) step.logits[id] = Number.NEGATIVE_INFINITY;
      const id = indexOfMaximum(step.logits);
      if (endIds.includes(id))
        return { tokenIds, stoppedBy: 'end', firstTokenAt, endedAt: performance.now() };
      tokenIds.push(id);
      onToken(id);
      if (tokenIds.length >= maxNewTokens) {
        return { tokenIds, stoppedBy: 'length', firstTokenAt, endedAt: performance.now() };
      }
      const { cache } = step;
      step = await decoder.appendTokens(cache, [id], checkpoint);
      cache.dispose();
    }
  } finally {
    step.cache.dispose();
  }
}

/**
 * The first of equal maxima; NaN never wins.
 * @throws GmsaError `INTERNAL` if there is no number among them
 */
export function indexOfMaximum(values: ArrayLike<number>): number {
  let best = -1;
  let maximum = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i += 1) {
    if (values[i]! > maximum) {
      maximum = values[i]!;
      best = i;
    }
  }
  if (best < 0) throw notFinite('The decoder gave no finite logits');
  return best;
}
