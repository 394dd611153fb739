// Worker only. The KV caches of the contexts used last, within a budget of bytes.
import type { KeyValueCache } from './decoder-graph.js';

export interface KeptContext {
  /** Of the prefix and of the first segments. */
  cache: KeyValueCache;
  segments: number;
}

/** Owns what it keeps. A context in use is taken out, and given back afterwards. */
export class ContextCaches {
  readonly #kept = new Map<number, KeptContext>(); // the last one is the one used last
  readonly #budgetBytes: number;
  readonly #bytesPerPosition: number;

  constructor(budgetBytes: number, bytesPerPosition: number) {
    this.#budgetBytes = budgetBytes;
    this.#bytesPerPosition = bytesPerPosition;
  }

  /** Of all that is kept. */
  get bytes(): number {
    let positions = 0;
    for (const { cache } of this.#kept.values()) positions += cache.length;
    return positions * this.#bytesPerPosition;
  }

  /** Hands a context over to the caller. */
  take(contextId: number): KeptContext | undefined {
    const kept = this.#kept.get(contextId);
    this.#kept.delete(contextId);
    return kept;
  }

  /** Takes a context over as the one used last; drops those used longest ago, itself too if it exceeds the budget. */
  give(contextId: number, kept: KeptContext): void {
    this.drop(contextId);
    this.#kept.set(contextId, kept);
    this.makeRoom(0);
  }

  /** Drops those used longest ago, so that another cache of so many positions fits in beside the rest. */
  makeRoom(positions: number): void {
    const needed = positions * this.#bytesPerPosition;
    for (const id of [...this.#kept.keys()]) {
      if (this.bytes + needed <= this.#budgetBytes) break;
      this.drop(id);
    }
  }

  drop(contextId: number): void {
    this.take(contextId)?.cache.dispose();
  }

  dispose(): void {
    for (const id of [...this.#kept.keys()]) this.drop(id);
  }
}
