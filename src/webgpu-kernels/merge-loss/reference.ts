import { checkGroupMergeShape, type GroupMergeShape } from '../group-merge/reference.js';

/**
 * What the group merge loses: of each segment the squared distance of its hidden states from the mean of their group,
 * relative to their squared length, `Σ|h − mean|² / Σ|h|²`. 0 where all states of a group are equal, 1 where they cancel
 * out. Product code on wasm, and what the shader is tested against.
 * @param hidden [S,T,H]
 */
export function mergeLossReference(hidden: Float32Array, shape: GroupMergeShape): number[] {
  checkGroupMergeShape(shape);
  const { lengths, tokens, hiddenSize, rate } = shape;
  return lengths.map((length, segment) => {
    let [within, energy] = [0, 0];
    for (let first = 0; first < length; first += rate) {
      const rows = Math.min(rate, length - first);
      const start = (segment * tokens + first) * hiddenSize;
      for (let h = 0; h < hiddenSize; h += 1) {
        let sum = 0;
        for (let row = 0; row < rows; row += 1) sum += hidden[start + row * hiddenSize + h]!;
        const mean = sum / rows;
        for (let row = 0; row < rows; row += 1) {
          const value = hidden[start + row * hiddenSize + h]!;
          within += (value - mean) ** 2;
          energy += value ** 2;
        }
      }
    }
    return lossOf(within, energy);
  });
}

/** Hidden states that are all zeros lose nothing. */
export const lossOf = (within: number, energy: number) => (energy === 0 ? 0 : within / energy);
