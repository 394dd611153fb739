// Worker only. Text → soft tokens: tokenise, cut into segments, embed → encode → merge → align, all on one GPUDevice.
// Between the graphs the states stay on the GPU; the soft tokens are read back once a batch.

import { allFinite } from '../context/soft-token-data.js';
import { notFinite } from '../errors.js';
import type { Job } from '../job.js';
import type { ModelConfig } from '../model-folder/model-config.js';
import type { CompressEvent, CompressorSetup, SegmentEvent } from '../protocol.js';
import { contentHash, sourceHash } from '../segments/content-hash.js';
import type { Piece } from '../segments/pieces.js';
import { cutPieces, type Segment } from '../segments/plan.js';
import {
  groupMerge,
  groupMergeOutputBytes,
  groupMergeVariant,
} from '../webgpu-kernels/group-merge/dispatch.js';
import {
  type GroupMergeShape,
  groupMergeReference,
  mergedLength,
} from '../webgpu-kernels/group-merge/reference.js';
import { checkFits, DEFAULT_NEW_TOKENS } from '../window.js';
import { planBatches } from './batches.js';
import { Engine } from './engine.js';
import { GraphSession } from './graph-session.js';
import { Tensor } from './ort.js';
import { floatTensor, idTensor, maskTensor, valuesOf } from './tensors.js';
import { textPieces } from './text-pieces.js';
import { Tokenizer } from './tokenizer.js';

/** Tokens of a batch, padding included. On wasm a batch wins nothing. */
const BATCH_TOKENS = { webgpu: 4096, wasm: 512 };

type CompressJob = Job<CompressEvent>;

export class Compressor {
  readonly #engine: Engine;
  readonly #tokenizer: Tokenizer;
  readonly #config: ModelConfig;
  readonly #embed: GraphSession;
  readonly #encoder: GraphSession;
  readonly #lsa: GraphSession;
  #disposed = false;

  private constructor(
    engine: Engine,
    tokenizer: Tokenizer,
    config: ModelConfig,
    sessions: [GraphSession, GraphSession, GraphSession],
  ) {
    this.#engine = engine;
    this.#tokenizer = tokenizer;
    this.#config = config;
    [this.#embed, this.#encoder, this.#lsa] = sessions;
  }

  /**
   * The caller disposes it.
   * @param onSession called before each session is created
   * @throws GmsaError `BAD_MODEL`, `UNSUPPORTED`, `OUT_OF_MEMORY`
   */
  static async create(setup: CompressorSetup, onSession: (name: string) => void): Promise<Compressor> {
    const tokenizer = new Tokenizer(setup.tokenizer);
    const engine = await Engine.create(setup.device, setup.wasmPaths);
    const sessions: GraphSession[] = [];
    try {
      onSession('embed_tokens');
      sessions.push(
        await GraphSession.create(engine, 'embed_tokens', setup.graphs.embed_tokens, {
          inputs: ['input_ids'],
          outputs: ['inputs_embeds'],
          keepOnGpu: /^inputs_embeds$/,
        }),
      );
      onSession('encoder_model');
      sessions.push(
        await GraphSession.create(engine, 'encoder_model', setup.graphs.encoder_model, {
          inputs: ['inputs_embeds', 'attention_mask'],
          outputs: ['hidden_states'],
          keepOnGpu: /^hidden_states$/,
        }),
      );
      onSession('lsa');
      sessions.push(
        await GraphSession.create(engine, 'lsa', setup.graphs.lsa, {
          inputs: ['inputs_embeds', 'attention_mask'],
          outputs: ['soft_tokens'],
        }),
      );
    } catch (error) {
      for (const session of sessions) await session.release().catch(() => {});
      engine.dispose();
      throw error;
    }
    return new Compressor(
      engine,
      tokenizer,
      setup.config,
      sessions as [GraphSession, GraphSession, GraphSession],
    );
  }

  /** Rejects once nothing can be run any more. */
  get failure(): Promise<never> {
    return this.#engine.failure;
  }

  /**
   * Emits the plan, then each segment in order as soon as it and all before it are finished.
   * @param text not blank
   * @param rate one of the trained rates
   * @throws GmsaError `TOO_LONG`, before anything is encoded
   */
  async compress(text: string, rate: number, job: CompressJob): Promise<void> {
    const segments = await this.#plan(text, rate, job);
    const totalTokens = segments.reduce((sum, { ids }) => sum + ids.length, 0);
    job.emit({ type: 'plan', totalSegments: segments.length, totalTokens, sourceHash: sourceHash(text) });

    const finished = new Map<number, SegmentEvent>();
    let next = 0;
    const lengths = segments.map(({ ids }) => ids.length);
    const batches = planBatches(lengths, BATCH_TOKENS[this.#engine.device ? 'webgpu' : 'wasm']);
    for (const batch of batches) {
      await job.checkpoint();
      const results = await this.#encode(
        batch.map((i) => segments[i]!),
        rate,
      ).catch((error: unknown) => {
        throw this.#engine.explain(error, `compressing segments ${batch.map((i) => i + 1).join(', ')}`);
      });
      batch.forEach((index, i) => {
        finished.set(index, results[i]!);
      });
      for (let segment = finished.get(next); segment; segment = finished.get(next)) {
        finished.delete(next);
        next += 1;
        job.emit({ type: 'segment', segment }, [segment.data.buffer]);
      }
    }
  }

  /** Releases sessions and device. Twice is harmless. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const session of [this.#embed, this.#encoder, this.#lsa]) await session.release().catch(() => {});
    this.#engine.dispose();
  }

  /** Tokenises and cuts, and gives up as soon as the text cannot fit at any rate. */
  async #plan(text: string, rate: number, job: CompressJob): Promise<Segment[]> {
    const { prefixIds, questionTemplate, rates, window } = this.#config;
    // Room for a short question; `ask` checks again with the real one.
    const others = prefixIds.length + this.#tokenizer.encode(questionTemplate).length + DEFAULT_NEW_TOKENS;
    const highest = rates.at(-1)!;
    const all: Piece[] = [];
    let tokens = 0;
    for await (const piece of textPieces(text, this.#tokenizer, this.#config, job)) {
      all.push(piece);
      tokens += piece.ids.length;
      if (Math.ceil(tokens / highest) + others > window) {
        checkFits({ segmentTokens: [tokens], rate, others }, this.#config);
      }
    }
    const segments = cutPieces(all, this.#config.segmentLength);
    checkFits({ segmentTokens: segments.map(({ ids }) => ids.length), rate, others }, this.#config);
    return segments;
  }

  async #encode(batch: readonly Segment[], rate: number): Promise<SegmentEvent[]> {
    const { hiddenSize } = this.#config;
    const lengths = batch.map(({ ids }) => ids.length);
    const tokens = Math.max(...lengths);
    const shape: GroupMergeShape = { lengths, tokens, hiddenSize, rate };
    const softLengths = lengths.map((length) => Math.ceil(length / rate));
    const groups = mergedLength(shape);

    const hidden = await this.#hiddenStates(batch, shape);
    const merged = await this.#merge(hidden, shape, groups);
    let soft: Tensor;
    try {
      const outputs = await this.#lsa.run({
        inputs_embeds: merged.tensor,
        attention_mask: maskTensor(softLengths, groups),
      });
      soft = outputs.soft_tokens!;
    } finally {
      merged.buffer?.destroy();
    }
    const values = valuesOf(soft);
    return batch.map(({ text, ids }, i) => {
      const start = i * groups * hiddenSize;
      const softTokens = softLengths[i]!;
      const data = values.slice(start, start + softTokens * hiddenSize);
      if (!allFinite(data)) throw notFinite('The encoder gave soft tokens that are not finite');
      return { text, hash: contentHash(ids), tokens: ids.length, rate, softTokens, data };
    });
  }

  /** [S,T,H]; on WebGPU a GPU tensor, which the caller disposes after its own submit. */
  async #hiddenStates(batch: readonly Segment[], { lengths, tokens }: GroupMergeShape): Promise<Tensor> {
    const ids = batch.map((segment) => segment.ids);
    const { inputs_embeds } = await this.#embed.run({ input_ids: idTensor(ids, tokens) });
    try {
      const outputs = await this.#encoder.run({
        inputs_embeds: inputs_embeds!,
        attention_mask: maskTensor(lengths, tokens),
      });
      return outputs.hidden_states!;
    } finally {
      inputs_embeds!.dispose();
    }
  }

  /** [S,M,H]. Takes the hidden states over. On WebGPU the caller destroys `buffer` once the tensor has been used. */
  async #merge(
    hidden: Tensor,
    shape: GroupMergeShape,
    groups: number,
  ): Promise<{ tensor: Tensor; buffer?: GPUBuffer }> {
    const { device } = this.#engine;
    const dims = [shape.lengths.length, groups, shape.hiddenSize];
    const type = this.#lsa.floatType;
    if (!device) {
      return { tensor: floatTensor(type, groupMergeReference(hidden.data as Float32Array, shape), dims) };
    }
    const variant = groupMergeVariant(device, type);
    const buffer = device.createBuffer({
      label: 'gmsa merged states',
      size: groupMergeOutputBytes(variant, shape),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    try {
      await groupMerge(device, variant, { hidden: hidden.gpuBuffer as GPUBuffer, merged: buffer }, shape);
    } catch (error) {
      buffer.destroy();
      throw error;
    } finally {
      // Not before our submit: ONNX Runtime hands the buffer to its next run.
      hidden.dispose();
    }
    return { tensor: Tensor.fromGpuBuffer(buffer, { dataType: type, dims }), buffer };
  }
}
