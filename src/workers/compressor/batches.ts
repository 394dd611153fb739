/** Segments looked at together: results come out in order, so a batch must not wait for one far behind. */
const WINDOW_SEGMENTS = 16;

/** Segments that are encoded together, each padded to `tokens`. */
export interface Batch {
  /** Indices of its segments, ascending. */
  segments: number[];
  tokens: number;
}

/**
 * Groups segments that are padded to the same length. That length follows from a segment's own alone: with another one
 * kernels may add in another order, and the last bits of a segment's soft tokens would depend on its batch.
 * @param lengths tokens of each segment, in order
 * @param multiple what lengths are rounded up to
 * @param maxTokens of a batch, padding included; a longer segment has a batch of its own
 * @returns each segment once, the batch that holds the first segment first
 */
export function planBatches(
  lengths: readonly number[],
  { multiple, maxTokens }: { multiple: number; maxTokens: number },
): Batch[] {
  const batches: Batch[] = [];
  for (let start = 0; start < lengths.length; start += WINDOW_SEGMENTS) {
    /** By padded length, the batch that is not full yet. */
    const open = new Map<number, Batch>();
    for (let i = start; i < Math.min(start + WINDOW_SEGMENTS, lengths.length); i += 1) {
      const tokens = Math.ceil(lengths[i]! / multiple) * multiple;
      const batch = open.get(tokens);
      if (batch && (batch.segments.length + 1) * tokens <= maxTokens) {
        batch.segments.push(i);
      } else {
        const next = { segments: [i], tokens };
        open.set(tokens, next);
        batches.push(next);
      }
    }
  }
  return batches;
}
