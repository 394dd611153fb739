/** Segments looked at together: results come out in order, so a batch must not wait for one far behind. */
const WINDOW_SEGMENTS = 16;
/** Shortest segment of a batch, relative to its longest: at most this much padding is computed for nothing. */
const SHORTEST = 0.75;

/**
 * Groups segments of similar length: each batch is padded to its longest segment.
 * @param lengths tokens of each segment, in order
 * @param maxTokens of a batch, padding included; a longer segment has a batch of its own
 * @returns indices into `lengths`, each once
 */
export function planBatches(lengths: readonly number[], maxTokens: number): number[][] {
  const batches: number[][] = [];
  for (let start = 0; start < lengths.length; start += WINDOW_SEGMENTS) {
    const window = lengths.slice(start, start + WINDOW_SEGMENTS).map((_, i) => start + i);
    window.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
    let batch: number[] = [];
    for (const index of window) {
      const longest = lengths[batch[0] ?? index]!;
      const fits = (batch.length + 1) * longest <= maxTokens && lengths[index]! >= SHORTEST * longest;
      if (batch.length > 0 && !fits) {
        batches.push(batch);
        batch = [];
      }
      batch.push(index);
    }
    batches.push(batch);
  }
  return batches;
}
