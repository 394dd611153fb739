export interface Argmax {
  /** The lowest of the ids that share the maximum. Means nothing unless `isFinite`. */
  id: number;
  /** Whether there is a finite logit; others are passed over. */
  isFinite: boolean;
}

/**
 * The id of the largest logit. Product code on wasm, and what the shader is tested against.
 * @param logits [V]
 * @param masked ids that are passed over
 */
export function argmaxReference(logits: ArrayLike<number>, masked: readonly number[] = []): Argmax {
  let best = -1;
  for (let id = 0; id < logits.length; id += 1) {
    if (Number.isFinite(logits[id]) && !(best >= 0 && logits[id]! <= logits[best]!) && !masked.includes(id)) {
      best = id;
    }
  }
  return { id: Math.max(0, best), isFinite: best >= 0 };
}
