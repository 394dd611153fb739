/** Sizes of one group merge: S segments (one a length), padded on the right to T tokens, of width H. */
export interface GroupMergeShape {
  /** Tokens of each segment, each at most `tokens`. */
  lengths: readonly number[];
  /** T, row count of each segment in the hidden states, padding included. */
  tokens: number;
  /** H */
  hiddenSize: number;
  /** Tokens merged into one soft token. */
  rate: number;
}

/** M, groups of the padded length: `ceil(tokens / rate)`, so that it does not depend on the other segments. */
export function mergedLength({ tokens, rate }: Pick<GroupMergeShape, 'tokens' | 'rate'>): number {
  return Math.ceil(tokens / rate);
}

/** @throws RangeError naming the size that is wrong */
export function checkGroupMergeShape({ lengths, tokens, hiddenSize, rate }: GroupMergeShape): void {
  if (!Number.isSafeInteger(rate) || rate < 1) throw new RangeError(`rate ${rate} is not a positive integer`);
  if (!Number.isSafeInteger(hiddenSize) || hiddenSize < 1) throw new RangeError(`hidden size ${hiddenSize}`);
  const wrong = lengths.find((length) => !Number.isSafeInteger(length) || length < 0 || length > tokens);
  if (wrong !== undefined) throw new RangeError(`a segment of ${wrong} tokens in rows of ${tokens}`);
}

/**
 * Mean of every `rate` hidden states: [S,T,H] → [S,M,H]. The ragged last group of a segment is averaged over its own
 * tokens; groups beyond a segment's end are zeros. Product code on wasm, and what the shader is tested against.
 */
export function groupMergeReference(hidden: Float32Array, shape: GroupMergeShape): Float32Array<ArrayBuffer> {
  checkGroupMergeShape(shape);
  const { lengths, tokens, hiddenSize, rate } = shape;
  if (hidden.length < lengths.length * tokens * hiddenSize) {
    throw new RangeError(`${hidden.length} hidden values, ${lengths.length * tokens * hiddenSize} expected`);
  }
  const groups = mergedLength(shape);
  const merged = new Float32Array(lengths.length * groups * hiddenSize);
  lengths.forEach((length, segment) => {
    for (let first = 0; first < length; first += rate) {
      const last = Math.min(first + rate, length);
      const out = (segment * groups + first / rate) * hiddenSize;
      for (let token = first; token < last; token += 1) {
        const row = (segment * tokens + token) * hiddenSize;
        for (let h = 0; h < hiddenSize; h += 1) merged[out + h]! += hidden[row + h]!;
      }
      for (let h = 0; h < hiddenSize; h += 1) merged[out + h]! /= last - first;
    }
  });
  return merged;
}
