// Worker only. The decoder's keys and values of the positions seen so far: [1, heads, length, headDim] a layer.
import type { Tensor } from './ort.js';

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

/** Contexts kept at most, and positions of all of them together. */
const KEPT_CONTEXTS = 4;

/** The caches of the contexts asked about last. Owns them. */
export class ContextCaches {
  readonly #caches = new Map<number, KeyValueCache>();
  readonly #maxPositions: number;

  constructor(maxPositions: number) {
    this.#maxPositions = maxPositions;
  }

  /** Stays owned here, and stays alive until the next `put`. */
  get(contextId: number): KeyValueCache | undefined {
    const cache = this.#caches.get(contextId);
    if (cache) {
      this.#caches.delete(contextId);
      this.#caches.set(contextId, cache); // the last one is the one used last
    }
    return cache;
  }

  /** Takes `cache` over; drops those used longest ago. */
  put(contextId: number, cache: KeyValueCache): void {
    this.#drop(contextId);
    this.#caches.set(contextId, cache);
    let positions = 0;
    for (const kept of this.#caches.values()) positions += kept.length;
    for (const [id, kept] of this.#caches) {
      if (id === contextId || (this.#caches.size <= KEPT_CONTEXTS && positions <= this.#maxPositions)) break;
      positions -= kept.length;
      this.#drop(id);
    }
  }

  dispose(): void {
    for (const id of [...this.#caches.keys()]) this.#drop(id);
  }

  #drop(contextId: number): void {
    this.#caches.get(contextId)?.dispose();
    this.#caches.delete(contextId);
  }
}
