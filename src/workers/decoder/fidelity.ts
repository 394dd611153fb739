// Worker only. How probable a segment's own tokens are when it is restored: teacher forcing, several positions a run.
import { GmsaError } from '../../errors.js';
import type { Checkpoint, DecoderGraph, KeyValueCache } from './decoder-graph.js';

/** Bounds the logits of a run: 12 MB with 49,152 of them a position. */
const SCORED_POSITIONS = 64;

/**
 * Log-probabilities of tokens that follow a prompt, each given those before it.
 * @param past stays the caller's, and unchanged
 * @param promptIds at least one
 * @returns one a token, natural logarithms
 * @throws GmsaError `INTERNAL` if logits are not finite
 */
export async function scoreTokens(
  decoder: DecoderGraph,
  past: KeyValueCache,
  promptIds: readonly number[],
  tokenIds: readonly number[],
  checkpoint: Checkpoint,
): Promise<Float32Array<ArrayBuffer>> {
  const scores = new Float32Array(tokenIds.length);
  const positions = decoder.hasAllLogits ? SCORED_POSITIONS : 1;
  // Each token is predicted at the position before it: the first one behind the prompt.
  const inputs = [promptIds.at(-1)!, ...tokenIds.slice(0, -1)];
  let cache = past;
  const advance = (next: KeyValueCache) => {
    if (cache !== past) cache.dispose();
    cache = next;
  };
  try {
    if (promptIds.length > 1) {
      const step = await decoder.appendTokens(past, promptIds.slice(0, -1), checkpoint);
      step.logits.dispose();
      advance(step.cache);
    }
    for (let start = 0; start < inputs.length; start += positions) {
      await checkpoint();
      const end = start + positions;
      const step = await decoder.appendScored(cache, inputs.slice(start, end));
      advance(step.cache);
      try {
        scores.set(await step.logits.logProbabilities(tokenIds.slice(start, end)), start);
      } finally {
        step.logits.dispose();
      }
    }
  } finally {
    advance(past);
  }
  return scores;
}

/** @throws GmsaError `BAD_INPUT` unless a segment has as many tokens as its text */
export function checkTokens(index: number, tokens: number, ids: readonly number[]): void {
  if (ids.length === tokens) return;
  throw new GmsaError(
    'BAD_INPUT',
    `Segment ${index + 1} was made from ${tokens} tokens, but its text has ${ids.length}.`,
    'Pass a context with the texts that were compressed.',
  );
}
