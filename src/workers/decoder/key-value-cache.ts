// Worker only. The decoder's keys and values of the positions seen so far: [1, heads, length, headDim] a layer.
import type { Tensor } from '../runtime/ort.js';

/** Owns its tensors, which on WebGPU stay on the GPU. Never changed: a step makes a new one. */
export class KeyValueCache {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Positions. */
  readonly length: number;

  /** @param tensors by the names of the decoder's inputs, `past_key_values.{i}.key` and `.value` */
  constructor(tensors: ReadonlyMap<string, Tensor>, length: number) {
    this.tensors = tensors;
    this.length = length;
  }

  /** Twice is harmless. */
  dispose(): void {
    for (const tensor of this.tensors.values()) {
      if (tensor.location === 'gpu-buffer') tensor.dispose();
    }
  }
}
