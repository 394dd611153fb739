/**
 * Log-softmax of one entry of each row: the log-probability of that row's target. Product code on wasm, and what the
 * shader is tested against.
 * @param logits [N,V]
 * @param targets [N], each below V
 * @returns [N], natural logarithms; undefined if a logit is NaN or infinite
 */
export function logProbabilityReference(
  logits: Float32Array,
  targets: readonly number[],
): Float32Array<ArrayBuffer> | undefined {
  const columns = logits.length / targets.length;
  const result = new Float32Array(targets.length);
  for (const [row, target] of targets.entries()) {
    const values = logits.subarray(row * columns, (row + 1) * columns);
    let maximum = Number.NEGATIVE_INFINITY;
    for (const value of values) {
      if (!Number.isFinite(value)) return undefined;
      maximum = Math.max(maximum, value);
    }
    let sum = 0;
    for (const value of values) sum += Math.exp(value - maximum);
    result[row] = Math.min(0, values[target]! - maximum - Math.log(sum));
  }
  return result;
}
