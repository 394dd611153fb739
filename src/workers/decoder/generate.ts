// Worker only. The decoding loop, on top of a kept cache.
import type { GenerationStats } from './api.js';
import { type Checkpoint, type DecoderGraph, disposeStep } from './decoder-graph.js';
import type { KeyValueCache } from './key-value-cache.js';
import type { TokenChooser } from './token-chooser.js';

export interface GenerateOptions {
  minNewTokens: number;
  maxNewTokens: number;
  endIds: readonly number[];
  choose: TokenChooser;
  /** Runs before every step; throws to stop. */
  checkpoint: Checkpoint;
  /** Called with each token but the end token; true stops after it. */
  onToken: (id: number) => boolean | Promise<boolean>;
}

export interface Generated {
  tokenIds: number[];
  stoppedBy: GenerationStats['stoppedBy'];
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
  { minNewTokens, maxNewTokens, endIds, choose, checkpoint, onToken }: GenerateOptions,
): Promise<Generated> {
  const tokenIds: number[] = [];
  const seen = [...promptIds];
  let step = await decoder.appendTokens(past, promptIds, checkpoint);
  try {
    let firstTokenAt: number | undefined;
    const ended = (stoppedBy: Generated['stoppedBy']): Generated => {
      const endedAt = performance.now();
      return { tokenIds, stoppedBy, firstTokenAt: firstTokenAt ?? endedAt, endedAt };
    };
    for (;;) {
      const id = await choose(step.logits, seen, tokenIds.length < minNewTokens ? endIds : []);
      firstTokenAt ??= performance.now();
      if (endIds.includes(id)) return ended('end');
      tokenIds.push(id);
      seen.push(id);
      if (await onToken(id)) return ended('criteria');
      if (tokenIds.length >= maxNewTokens) return ended('length');
      const before = step;
      step = await decoder.appendTokens(before.cache, [id], checkpoint);
      disposeStep(before);
    }
  } finally {
    disposeStep(step);
  }
}
