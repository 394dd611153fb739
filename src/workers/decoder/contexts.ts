// Worker only. Prefix and soft tokens → KV caches, prefilled segment by segment while a text is being compressed, and
// kept for the contexts used last.

import type { ConcreteDevice } from '../setup.js';
import type { ContextSegment, SoftTokenData } from '../soft-tokens.js';
import type { ContextRequest } from './api.js';
import type { Checkpoint, DecoderGraph, KeyValueCache } from './decoder-graph.js';

const MIB = 2 ** 20;

/** For KV caches that are kept, unless the caller says otherwise. On wasm they share the page's memory, in f32. */
const BUDGET_BYTES: Record<ConcreteDevice, number> = { webgpu: 512 * MIB, wasm: 384 * MIB };

interface Arrived {
  /** Index of the first one. */
  first: number;
  segments: ContextSegment[];
}

/** Its methods are called one at a time, except `arrive` and `cancel`. */
export class Contexts {
  readonly #graph: DecoderGraph;
  readonly #prefixIds: readonly number[];
  readonly #caches: ContextCaches;
  #prefix: KeyValueCache | undefined;
  /** Segments that wait to be prefilled. */
  readonly #arrived = new Map<number, Arrived>();
  #prefilling: { contextId: number; cancel: AbortController } | undefined;

  constructor(
    graph: DecoderGraph,
    prefixIds: readonly number[],
    device: ConcreteDevice,
    budgetBytes = BUDGET_BYTES[device],
  ) {
    this.#graph = graph;
    this.#prefixIds = prefixIds;
    this.#caches = new ContextCaches(budgetBytes, graph.cacheBytesPerPosition);
  }

  /** Notes segments, in order, that `prefillArrived` will prefill. */
  arrive(contextId: number, first: number, segments: readonly ContextSegment[]): void {
    const arrived = this.#arrived.get(contextId);
    if (arrived && arrived.first + arrived.segments.length === first) arrived.segments.push(...segments);
    else this.#arrived.set(contextId, { first, segments: [...segments] });
  }

  /** Prefills all segments that have arrived, unless what comes before them is no longer kept. */
  async prefillArrived(contextId: number, checkpoint: Checkpoint): Promise<void> {
    const arrived = this.#arrived.get(contextId);
    this.#arrived.delete(contextId);
    const kept = this.#caches.take(contextId);
    if (!arrived || arrived.first !== (kept?.segments ?? 0)) {
      if (kept) this.#caches.give(contextId, kept);
      return;
    }
    const cancel = new AbortController();
    this.#prefilling = { contextId, cancel };
    try {
      const extended = await this.#extend(contextId, kept, arrived.segments, async () => {
        await checkpoint();
        cancel.signal.throwIfAborted();
      });
      this.#caches.give(contextId, extended);
    } finally {
      this.#prefilling = undefined;
    }
  }

  /** Stops the prefill of a context that will not be finished; `drop` frees what there is. */
  cancel(contextId: number): void {
    this.#arrived.delete(contextId);
    if (this.#prefilling?.contextId === contextId) this.#prefilling.cancel.abort();
  }

  drop(contextId: number): void {
    this.#caches.drop(contextId);
  }

  /**
   * Prefills what is not kept of a context, and keeps it afterwards.
   * @param work must leave the cache as it is; `reused`: its positions that were kept
   */
  async use<T>(
    { contextId, segments }: ContextRequest,
    checkpoint: Checkpoint,
    work: (cache: KeyValueCache, reused: number) => Promise<T>,
  ): Promise<T> {
    let kept = this.#caches.take(contextId);
    const reused = kept?.cache.length ?? 0;
    const missing = segments.slice(kept?.segments ?? 0);
    if (!kept || missing.length > 0) kept = await this.#extend(contextId, kept, missing, checkpoint);
    try {
      return await work(kept.cache, reused);
    } finally {
      this.#caches.give(contextId, kept);
    }
  }

  /**
   * The prefix alone, which is kept as long as the decoder.
   * @param work must leave the cache as it is; `reused`: its positions that were kept
   */
  async usePrefix<T>(
    checkpoint: Checkpoint,
    work: (cache: KeyValueCache, reused: number) => Promise<T>,
  ): Promise<T> {
    const reused = this.#prefix?.length ?? 0;
    return work(await this.#prefixCache(checkpoint), reused);
  }

  /** Prefix and soft tokens of one segment alone; the caller disposes the cache. */
  async prefillAlone({ data }: Pick<ContextSegment, 'data'>, checkpoint: Checkpoint): Promise<KeyValueCache> {
    const prefix = await this.#prefixCache(checkpoint);
    return this.#graph.appendSoftTokens(prefix, data, checkpoint);
  }

  dispose(): void {
    this.#caches.dispose();
    this.#prefix?.dispose();
  }

  /** Takes `kept` over; a failure leaves it kept. */
  async #extend(
    contextId: number,
    kept: KeptContext | undefined,
    segments: readonly ContextSegment[],
    checkpoint: Checkpoint,
  ): Promise<KeptContext> {
    try {
      const past = kept?.cache ?? (await this.#prefixCache(checkpoint));
      const softTokens = segments.reduce((sum, segment) => sum + segment.softTokens, 0);
      this.#caches.makeRoom(past.length + softTokens);
      const data = joined(segments.map((segment) => segment.data));
      const cache = await this.#graph.appendSoftTokens(past, data, checkpoint);
      kept?.cache.dispose();
      return { cache, segments: (kept?.segments ?? 0) + segments.length };
    } catch (error) {
      if (kept) this.#caches.give(contextId, kept);
      throw error;
    }
  }

  async #prefixCache(checkpoint: Checkpoint): Promise<KeyValueCache> {
    if (!this.#prefix) {
      const empty = this.#graph.emptyCache();
      const { logits, cache } = await this.#graph.appendTokens(empty, this.#prefixIds, checkpoint);
      logits.dispose();
      this.#prefix = cache;
    }
    return this.#prefix;
  }
}

/** One after the other. All are of the same type: they come from one compressor. */
function joined(parts: readonly SoftTokenData[]): SoftTokenData {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = parts[0] instanceof Uint16Array ? new Uint16Array(length) : new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

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
