// Worker only. Token ids → soft tokens: embed → encode → merge → align, all on one GPUDevice. Between the graphs the
// states stay on the GPU; the soft tokens are read back once a batch.

import { notFinite } from '../../errors.js';
import {
  groupMerge,
  groupMergeOutputBytes,
  groupMergeVariant,
} from '../../webgpu-kernels/group-merge/dispatch.js';
import {
  type GroupMergeShape,
  groupMergeReference,
  mergedLength,
} from '../../webgpu-kernels/group-merge/reference.js';
import type { Engine } from '../runtime/engine.js';
import { GraphSession } from '../runtime/graph-session.js';
import { floatTensor, idTensor, maskTensor, Tensor, valuesOf } from '../runtime/ort.js';
import type { CompressorSetup } from '../setup.js';
import { allFinite, type SoftTokenData } from '../soft-tokens.js';

/** [S,M,H], M the groups of the padded length; in a buffer of ours on WebGPU. */
interface MergedStates {
  shape: GroupMergeShape;
  tensor: Tensor;
  buffer?: GPUBuffer;
}

export class SegmentEncoder {
  readonly #engine: Engine;
  readonly #hiddenSize: number;
  readonly #embed: GraphSession;
  readonly #encoder: GraphSession;
  readonly #lsa: GraphSession;

  private constructor(
    engine: Engine,
    hiddenSize: number,
    sessions: [GraphSession, GraphSession, GraphSession],
  ) {
    this.#engine = engine;
    this.#hiddenSize = hiddenSize;
    [this.#embed, this.#encoder, this.#lsa] = sessions;
  }

  /**
   * The caller releases it.
   * @param onSession called before each session is created
   * @throws GmsaError `BAD_MODEL`, `UNSUPPORTED`, `OUT_OF_MEMORY`
   */
  static async create(
    engine: Engine,
    { graphs, config }: CompressorSetup,
    onSession: (name: string) => void,
  ): Promise<SegmentEncoder> {
    const sessions: GraphSession[] = [];
    try {
      onSession('embed_tokens');
      sessions.push(
        await GraphSession.create(engine, 'embed_tokens', graphs.embed_tokens, {
          inputs: ['input_ids'],
          outputs: ['inputs_embeds'],
          keepOnGpu: /^inputs_embeds$/,
        }),
      );
      onSession('encoder_model');
      sessions.push(
        await GraphSession.create(engine, 'encoder_model', graphs.encoder_model, {
          inputs: ['inputs_embeds', 'attention_mask'],
          outputs: ['hidden_states'],
          keepOnGpu: /^hidden_states$/,
        }),
      );
      onSession('lsa');
      sessions.push(
        await GraphSession.create(engine, 'lsa', graphs.lsa, {
          inputs: ['inputs_embeds', 'attention_mask'],
          outputs: ['soft_tokens'],
        }),
      );
    } catch (error) {
      for (const session of sessions) await session.release().catch(() => {});
      throw error;
    }
    return new SegmentEncoder(
      engine,
      config.hiddenSize,
      sessions as [GraphSession, GraphSession, GraphSession],
    );
  }

  /**
   * Encodes segments together. What a segment gives depends on its own ids and the padded length alone.
   * @param ids of each segment
   * @param tokens what each segment is padded to
   * @param rate at which each is merged
   * @returns of each segment its soft tokens, [ceil(length / rate), H]
   */
  async encode(ids: readonly (readonly number[])[], tokens: number, rate: number): Promise<SoftTokenData[]> {
    const lengths = ids.map((own) => own.length);
    const hidden = await this.#hiddenStates(ids, tokens);
    const shape = { lengths, tokens, hiddenSize: this.#hiddenSize, rate };
    const merged = await this.#merge(hidden, shape).finally(() => {
      // Not before our submit: ONNX Runtime hands the buffer to its next run.
      if (hidden.location === 'gpu-buffer') hidden.dispose();
    });
    try {
      return await this.#align(merged);
    } finally {
      merged.buffer?.destroy();
    }
  }

  async release(): Promise<void> {
    for (const session of [this.#embed, this.#encoder, this.#lsa]) await session.release().catch(() => {});
  }

  /** [S,T,H]; on WebGPU a GPU tensor, which the caller disposes after its own submit. */
  async #hiddenStates(ids: readonly (readonly number[])[], tokens: number): Promise<Tensor> {
    const lengths = ids.map((own) => own.length);
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

  /** The caller destroys `buffer` once the tensor has been used. */
  async #merge(hidden: Tensor, shape: GroupMergeShape): Promise<MergedStates> {
    const { device } = this.#engine;
    const dims = [shape.lengths.length, mergedLength(shape), shape.hiddenSize];
    const type = this.#lsa.floatType;
    if (!device) {
      const values = groupMergeReference(hidden.data as Float32Array, shape);
      return { shape, tensor: floatTensor(type, values, dims) };
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
    }
    return { shape, tensor: Tensor.fromGpuBuffer(buffer, { dataType: type, dims }), buffer };
  }

  /** Of each segment its soft tokens, [ceil(length / rate), H]. */
  async #align({ tensor, shape }: MergedStates): Promise<SoftTokenData[]> {
    const groups = mergedLength(shape);
    const softLengths = shape.lengths.map((length) => Math.ceil(length / shape.rate));
    const { soft_tokens } = await this.#lsa.run({
      inputs_embeds: tensor,
      attention_mask: maskTensor(softLengths, groups),
    });
    const values = valuesOf(soft_tokens!);
    return softLengths.map((softTokens, i) => {
      const start = i * groups * this.#hiddenSize;
      const data = values.slice(start, start + softTokens * this.#hiddenSize);
      if (!allFinite(data)) throw notFinite('The encoder returned soft tokens that are not finite');
      return data;
    });
  }
}

/** Segments looked at together: results come out in order, so a batch must not wait for one far behind. */
const WINDOW_SEGMENTS = 16;

/** Segments that are encoded together, each padded to `tokens`. */
export interface Batch {
  /** Indices of its segments, ascending. */
  segments: number[];
  tokens: number;
}

/**
 * Groups segments that are padded to the same length. That length follows from a segment's own alone: with another one
 * kernels may add in another order, and the last bits of a segment's soft tokens would depend on its batch.
 * @param lengths tokens of each segment, in order
 * @param multiple what lengths are rounded up to
 * @param maxTokens of a batch, padding included; a longer segment has a batch of its own
 * @returns each segment once, the batch that holds the first segment first
 */
export function planBatches(
  lengths: readonly number[],
  { multiple, maxTokens }: { multiple: number; maxTokens: number },
): Batch[] {
  const batches: Batch[] = [];
  for (let start = 0; start < lengths.length; start += WINDOW_SEGMENTS) {
    /** By padded length, the batch that is not full yet. */
    const open = new Map<number, Batch>();
    for (let i = start; i < Math.min(start + WINDOW_SEGMENTS, lengths.length); i += 1) {
      const tokens = Math.ceil(lengths[i]! / multiple) * multiple;
      const batch = open.get(tokens);
      if (batch && (batch.segments.length + 1) * tokens <= maxTokens) {
        batch.segments.push(i);
      } else {
        const next = { segments: [i], tokens };
        open.set(tokens, next);
        batches.push(next);
      }
    }
  }
  return batches;
}
