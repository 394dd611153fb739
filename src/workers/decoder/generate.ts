// Worker only. The decoding loop on top of a KV cache, and what a call reports of it.
import type { GenerationResult, GenerationStats } from './api.js';
import { type Checkpoint, type DecoderGraph, disposeStep, type KeyValueCache } from './decoder-graph.js';
import type { Sampler } from './sampler.js';

export interface GenerateOptions {
  minNewTokens: number;
  maxNewTokens: number;
  endIds: readonly number[];
  sampler: Sampler;
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
  { minNewTokens, maxNewTokens, endIds, sampler, checkpoint, onToken }: GenerateOptions,
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
      const id = await sampler(step.logits, seen, tokenIds.length < minNewTokens ? endIds : []);
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

/** @param started `performance.now()` at the start of the call's work */
export function resultOf(
  started: number,
  generated: readonly Generated[],
  prompt: Pick<
    GenerationStats,
    'promptTokens' | 'reading' | 'softTokens' | 'quotedTokens' | 'notes' | 'reusedTokens' | 'reusedContext'
  >,
): GenerationResult {
  const tokenIds = generated.flatMap((one) => one.tokenIds);
  const steps = generated.reduce(
    (sum, { tokenIds: ids, stoppedBy }) => sum + ids.length - (stoppedBy === 'end' ? 0 : 1),
    0,
  );
  const decoding = generated.reduce((sum, { firstTokenAt, endedAt }) => sum + endedAt - firstTokenAt, 0);
  const notByEnd = generated.map((one) => one.stoppedBy).filter((stoppedBy) => stoppedBy !== 'end');
  return {
    tokenIds,
    stats: {
      ...prompt,
      newTokens: tokenIds.length,
      msToFirstToken: (generated[0]?.firstTokenAt ?? started) - started,
      msPerToken: steps > 0 ? decoding / steps : 0,
      ms: (generated.at(-1)?.endedAt ?? started) - started,
      stoppedBy: notByEnd.at(-1) ?? 'end',
    },
  };
}

/**
 * Trims a text that comes in chunks: white space at its beginning is dropped, white space at its end never written.
 * @param write called with each chunk that is left
 */
export function trimmed(write: (chunk: string) => void): (chunk: string) => void {
  let started = false;
  let held = '';
  return (chunk) => {
    let text = held + chunk;
    if (!started) text = text.trimStart();
    const written = text.trimEnd();
    held = text.slice(written.length);
    if (written === '') return;
    started = true;
    write(written);
  };
}
