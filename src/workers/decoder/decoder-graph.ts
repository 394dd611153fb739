// Worker only. The decoder as a function of embeddings and past: one run of `decoder_model_merged`.
import type { ModelConfig } from '../../model-folder/model-config.js';
import type { Engine } from '../runtime/engine.js';
import { GraphSession } from '../runtime/graph-session.js';
import { floatTensor, idTensor, maskTensor, type Tensor } from '../runtime/ort.js';
import type { DecoderSetup } from '../setup.js';
import type { SoftTokenData } from '../soft-tokens.js';
import { type Logits, logitsOf } from './logits.js';

/** Positions of one run. On wasm short runs let an abort in between, and bound the memory of the attention scores. */
const RUN_POSITIONS = { webgpu: 8192, wasm: 512 };

/**
 * Keys and values of the positions seen so far, [1, heads, length, headDim] a layer. Owns its tensors, which on WebGPU
 * stay on the GPU. Never changed: a step makes a new one.
 */
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

/** The caller disposes both. */
export interface Step {
  /** Of the last position, unless more were asked for. */
  logits: Logits;
  /** Past and the new positions. */
  cache: KeyValueCache;
}

export function disposeStep({ logits, cache }: Step): void {
  logits.dispose();
  cache.dispose();
}

/** Called between two runs; may throw to stop. */
export type Checkpoint = () => Promise<void>;

const LOGITS_FROM = 'logits_from';

export class DecoderGraph {
  readonly #embed: GraphSession;
  readonly #decoder: GraphSession;
  readonly #config: ModelConfig;
  readonly #device: GPUDevice | undefined;
  readonly #runPositions: number;

  private constructor(engine: Engine, config: ModelConfig, embed: GraphSession, decoder: GraphSession) {
    this.#config = config;
    this.#embed = embed;
    this.#decoder = decoder;
    this.#device = engine.device;
    this.#runPositions = RUN_POSITIONS[engine.device ? 'webgpu' : 'wasm'];
  }

  /** The caller releases it. */
  static async create(
    engine: Engine,
    { config, graphs }: DecoderSetup,
    onSession: (name: string) => void,
  ): Promise<DecoderGraph> {
    onSession('embed_tokens');
    const embed = await GraphSession.create(engine, 'embed_tokens', graphs.embed_tokens, {
      inputs: ['input_ids'],
      outputs: ['inputs_embeds'],
      keepOnGpu: /^inputs_embeds$/,
    });
    try {
      onSession('decoder_model_merged');
      const names = cacheNames(config.layers);
      const decoder = await GraphSession.create(engine, 'decoder_model_merged', graphs.decoder_model_merged, {
        inputs: ['inputs_embeds', 'attention_mask', ...names.map(({ past }) => past)],
        outputs: ['logits', ...names.map(({ present }) => present)],
        keepOnGpu: /^(logits$|present\.)/,
      });
      return new DecoderGraph(engine, config, embed, decoder);
    } catch (error) {
      await embed.release().catch(() => {});
      throw error;
    }
  }

  async release(): Promise<void> {
    await this.#embed.release().catch(() => {});
    await this.#decoder.release().catch(() => {});
  }

  /** Of a KV cache. */
  get cacheBytesPerPosition(): number {
    const { keyValueHeads, headDim, layers } = this.#config;
    return 2 * layers * keyValueHeads * headDim * (this.#decoder.floatType === 'float16' ? 2 : 4);
  }

  /** Whether a run can give logits of several positions; folders from before that have them of the last one alone. */
  get hasAllLogits(): boolean {
    return this.#decoder.hasInput(LOGITS_FROM);
  }

  /** No positions. */
  emptyCache(): KeyValueCache {
    const { keyValueHeads, headDim, layers } = this.#config;
    const dims = [1, keyValueHeads, 0, headDim];
    const tensors = cacheNames(layers).map(
      ({ past }) => [past, floatTensor(this.#decoder.floatType, new Float32Array(0), dims)] as const,
    );
    return new KeyValueCache(new Map(tensors), 0);
  }

  /**
   * Appends tokens, in as few runs as memory and aborts allow.
   * @param past stays the caller's
   * @param ids at least one
   */
  async appendTokens(past: KeyValueCache, ids: readonly number[], checkpoint: Checkpoint): Promise<Step> {
    return this.#append(past, ids.length, checkpoint, (start, end) =>
      this.#embeddings(ids.slice(start, end)),
    );
  }

  /**
   * Appends tokens in one run, and gives the logits of each of them.
   * @param past stays the caller's
   * @param ids at least one; one alone unless `hasAllLogits`
   */
  async appendScored(past: KeyValueCache, ids: readonly number[]): Promise<Step> {
    return this.#run(past, ids.length, await this.#embeddings(ids), 0);
  }

  /**
   * Appends soft tokens.
   * @param past stays the caller's
   * @param values [n, H], n at least 1
   * @returns past and the new positions; the caller disposes it
   */
  async appendSoftTokens(
    past: KeyValueCache,
    values: SoftTokenData,
    checkpoint: Checkpoint,
  ): Promise<KeyValueCache> {
    const { hiddenSize } = this.#config;
    const { logits, cache } = await this.#append(
      past,
      values.length / hiddenSize,
      checkpoint,
      async (start, end) =>
        floatTensor(this.#decoder.floatType, values.subarray(start * hiddenSize, end * hiddenSize), [
          1,
          end - start,
          hiddenSize,
        ]),
    );
    logits.dispose();
    return cache;
  }

  async #embeddings(ids: readonly number[]): Promise<Tensor> {
    return (await this.#embed.run({ input_ids: idTensor([ids], ids.length) })).inputs_embeds!;
  }

  async #append(
    past: KeyValueCache,
    positions: number,
    checkpoint: Checkpoint,
    embeddings: (start: number, end: number) => Promise<Tensor>,
  ): Promise<Step> {
    let step: Step | undefined;
    try {
      for (let start = 0; start < positions; start += this.#runPositions) {
        await checkpoint();
        const end = Math.min(start + this.#runPositions, positions);
        const before = step;
        step = await this.#run(before?.cache ?? past, end - start, await embeddings(start, end));
        if (before) disposeStep(before);
      }
    } catch (error) {
      if (step) disposeStep(step);
      throw error;
    }
    return step!;
  }

  /**
   * Takes `embeddings` over.
   * @param logitsFrom first position of the run whose logits are wanted; -1: the last one
   */
  async #run(past: KeyValueCache, positions: number, embeddings: Tensor, logitsFrom = -1): Promise<Step> {
    const length = past.length + positions;
    try {
      const outputs = await this.#decoder.run({
        inputs_embeds: embeddings,
        attention_mask: maskTensor([length], length),
        ...(this.hasAllLogits ? { [LOGITS_FROM]: idTensor([[logitsFrom]], 1).reshape([1]) } : {}),
        ...Object.fromEntries(past.tensors),
      });
      const tensors = cacheNames(this.#config.layers).map(
        (name) => [name.past, outputs[name.present]!] as const,
      );
      return {
        logits: logitsOf(outputs.logits!, this.#device),
        cache: new KeyValueCache(new Map(tensors), length),
      };
    } finally {
      if (embeddings.location === 'gpu-buffer') embeddings.dispose();
    }
  }
}

function cacheNames(layers: number): { past: string; present: string }[] {
  return Array.from({ length: layers }, (_, i) => i).flatMap((i) =>
    ['key', 'value'].map((kind) => ({
      past: `past_key_values.${i}.${kind}`,
      present: `present.${i}.${kind}`,
    })),
  );
}
