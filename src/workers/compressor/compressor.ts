// Worker only. Text → soft tokens: tokenise, cut into segments, encode those that are not known.

import { DEFAULT_NEW_TOKENS } from '../../generation/default-new-tokens.js';
import type { ModelConfig } from '../../model-folder/model-config.js';
import type { Job } from '../../rpc/job.js';
import { contentHash, sourceHash } from '../../segments/content-hash.js';
import type { Piece } from '../../segments/pieces.js';
import { cutPieces, type Segment } from '../../segments/plan.js';
import { checkFits } from '../../segments/window.js';
import { Engine } from '../runtime/engine.js';
import { textPieces } from '../runtime/text-pieces.js';
import { Tokenizer } from '../runtime/tokenizer.js';
import type { CompressorSetup } from '../setup.js';
import type { SoftTokenData } from '../soft-tokens.js';
import type {
  CompressEvent,
  CompressionTarget,
  CompressRequest,
  KnownSegment,
  RestorationLoss,
} from './api.js';
import { planBatches } from './batches.js';
import { anyFits, lowestRateWithin, shareBudget } from './rate-allocation.js';
import { SegmentEncoder } from './segment-encoder.js';

/** Tokens of a batch, padding included. On wasm a batch wins nothing, and padding costs. */
const BATCH_TOKENS = 4096;
/** Lengths that segments are padded to on WebGPU, as parts of the longest: few, so that batches fill. */
const PADDED_LENGTHS = 4;

type CompressJob = Job<CompressEvent>;
type PlannedSegment = Segment & { hash: string };

interface Choice {
  rate: number;
  /** Where rates were shared out. */
  restorationLoss?: RestorationLoss;
  /** Where it was encoded to be measured, and keeps to that rate. */
  data?: SoftTokenData | undefined;
}

export class Compressor {
  readonly #engine: Engine;
  readonly #tokenizer: Tokenizer;
  readonly #config: ModelConfig;
  readonly #encoder: SegmentEncoder;
  #disposed = false;

  private constructor(engine: Engine, tokenizer: Tokenizer, config: ModelConfig, encoder: SegmentEncoder) {
    this.#engine = engine;
    this.#tokenizer = tokenizer;
    this.#config = config;
    this.#encoder = encoder;
  }

  /**
   * The caller disposes it.
   * @param onSession called before each session is created
   * @throws GmsaError `BAD_MODEL`, `UNSUPPORTED`, `OUT_OF_MEMORY`
   */
  static async create(setup: CompressorSetup, onSession: (name: string) => void): Promise<Compressor> {
    const tokenizer = new Tokenizer(setup.tokenizer);
    const engine = await Engine.create(setup.device, setup.wasmPaths);
    try {
      const encoder = await SegmentEncoder.create(engine, setup, onSession);
      return new Compressor(engine, tokenizer, setup.config, encoder);
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }

  /** Rejects once nothing can be run any more. */
  get failure(): Promise<never> {
    return this.#engine.failure;
  }

  /**
   * Emits the plan, then each segment in order as soon as it and all before it are finished.
   * @param text not blank
   * @param request a rate in it is one of the trained ones
   * @throws GmsaError `TOO_LONG`, before anything is encoded
   */
  async compress(text: string, { target, known }: CompressRequest, job: CompressJob): Promise<void> {
    const { segments, room } = await this.#plan(text, target, job);
    const choose = this.#chooser(segments, target, room);
    const totalTokens = segments.reduce((sum, { ids }) => sum + ids.length, 0);
    job.emit({ type: 'plan', totalSegments: segments.length, totalTokens, sourceHash: sourceHash(text) });

    const choices = await choose(known, job);
    const emit = inOrder(job);
    const finish = (index: number, data: SoftTokenData) => {
      const { text: own, hash, ids } = segments[index]!;
      const { rate, restorationLoss } = choices[index]!;
      const softTokens = Math.ceil(ids.length / rate);
      const loss = restorationLoss ? { restorationLoss } : {};
      const segment = { text: own, hash, tokens: ids.length, rate, softTokens, ...loss, data };
      emit(index, { type: 'segment', segment });
    };
    const knownAt = new Set(known.map(({ hash, rate }) => `${hash} ${rate}`));
    const missing = new Map<number, number[]>();
    segments.forEach(({ text: own, hash }, index) => {
      const { rate, restorationLoss, data } = choices[index]!;
      if (data) finish(index, data);
      else if (knownAt.has(`${hash} ${rate}`)) {
        const loss = restorationLoss ? { restorationLoss } : {};
        emit(index, { type: 'known', segment: { text: own, hash, rate, ...loss } });
      } else missing.set(rate, [...(missing.get(rate) ?? []), index]);
    });
    for (const [rate, indices] of missing) {
      await this.#encode(segments, indices, rate, job, (batch, data) => {
        batch.forEach((index, i) => {
          finish(index, data[i]!);
        });
      });
    }
  }

  /** Releases sessions and device. Twice is harmless. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#encoder.release();
    this.#engine.dispose();
  }

  #batching() {
    if (!this.#engine.device) return { multiple: 1, maxTokens: 0 };
    return { multiple: Math.ceil(this.#config.segmentLength / PADDED_LENGTHS), maxTokens: BATCH_TOKENS };
  }

  /**
   * How the rates of a planned text are chosen. With a rate that is no choice. With a number of soft tokens, segments
   * are encoded at the lowest rate that fits, and what the decoder loses in writing them back decides which get a lower
   * one. It scores a batch while the next one is encoded; losses that are known it is not asked for.
   * @param room positions of the decoder for soft tokens
   * @throws GmsaError `TOO_LONG` if no rate keeps to the number
   */
  #chooser(segments: readonly PlannedSegment[], target: CompressionTarget, room: number) {
    const all = (rate: number) => async (): Promise<Choice[]> => segments.map(() => ({ rate }));
    if ('rate' in target) return all(target.rate);
    const { rates } = this.#config;
    const lengths = segments.map(({ ids }) => ids.length);
    const budget = Math.min(target.targetTokens, room);
    const coarse = lowestRateWithin(lengths, budget, rates);
    const fine = rates[rates.indexOf(coarse) - 1];
    if (fine === undefined || !anyFits(lengths, budget, { coarse, fine })) return all(coarse);

    return async (known: readonly KnownSegment[], job: CompressJob): Promise<Choice[]> => {
      const measured = new Map(
        known.flatMap(({ hash, restorationLoss: loss }) =>
          loss?.rate === coarse ? [[hash, loss.nats]] : [],
        ),
      );
      const losses = segments.map(({ hash }) => measured.get(hash));
      const unknown = [...segments.keys()].filter((index) => losses[index] === undefined);
      const data = new Map<number, SoftTokenData>();
      let scored = Promise.resolve();
      await this.#encode(segments, unknown, coarse, job, (batch, soft) => {
        const parts = batch.map((index, i) => {
          data.set(index, soft[i]!);
          const softTokens = Math.ceil(lengths[index]! / coarse);
          return { ids: segments[index]!.ids, softTokens, data: soft[i]! };
        });
        scored = scored.then(async () => {
          const nats = await job.request<number[]>({ type: 'score', rate: coarse, segments: parts });
          batch.forEach((index, i) => {
            losses[index] = nats[i]!;
          });
          const done = lengths.filter((_, index) => losses[index] !== undefined);
          const tokens = done.reduce((sum, length) => sum + length, 0);
          job.emit({ type: 'measured', segments: done.length, tokens });
        });
        scored.catch(() => {}); // it is awaited below, unless encoding fails before
      });
      await scored;
      const shared = shareBudget(
        lengths.map((tokens, index) => ({ tokens, loss: losses[index]! })),
        budget,
        { coarse, fine },
      );
      return shared.map((rate, index) => ({
        rate,
        restorationLoss: { rate: coarse, nats: losses[index]! },
        data: rate === coarse ? data.get(index) : undefined,
      }));
    };
  }

  /** Encodes some of the segments, in batches; a batch may hold some that come later than others of the next one. */
  async #encode(
    segments: readonly PlannedSegment[],
    indices: readonly number[],
    rate: number,
    job: CompressJob,
    onBatch: (indices: readonly number[], data: readonly SoftTokenData[]) => void,
  ): Promise<void> {
    const lengths = indices.map((index) => segments[index]!.ids.length);
    for (const { segments: batch, tokens } of planBatches(lengths, this.#batching())) {
      await job.checkpoint();
      const inBatch = batch.map((i) => indices[i]!);
      const ids = inBatch.map((index) => segments[index]!.ids);
      const data = await this.#encoder.encode(ids, tokens, rate).catch((error: unknown) => {
        throw this.#engine.explain(error, `compressing segments ${inBatch.map((i) => i + 1).join(', ')}`);
      });
      onBatch(inBatch, data);
    }
  }

  /**
   * Tokenises and cuts, and gives up as soon as the text cannot fit at any rate.
   * @returns also the positions that are left for soft tokens, beside a short question; `ask` checks with the real one
   */
  async #plan(text: string, target: CompressionTarget, job: CompressJob) {
    const { prefixIds, questionTemplate, rates, window } = this.#config;
    const others = prefixIds.length + this.#tokenizer.encode(questionTemplate).length + DEFAULT_NEW_TOKENS;
    const highest = rates.at(-1)!;
    const rate = 'rate' in target ? target.rate : highest;
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
    return {
      segments: segments.map((segment): PlannedSegment => ({ ...segment, hash: contentHash(segment.ids) })),
      room: window - others,
    };
  }
}

/** Emits events by their index, whichever comes first, each as soon as all before it have been emitted. */
function inOrder(job: CompressJob): (index: number, event: CompressEvent) => void {
  const waiting = new Map<number, CompressEvent>();
  let next = 0;
  return (index, event) => {
    waiting.set(index, event);
    for (let ready = waiting.get(next); ready; ready = waiting.get(next)) {
      waiting.delete(next);
      next += 1;
      job.emit(ready, ready.type === 'segment' ? [ready.segment.data.buffer] : []);
    }
  };
}
