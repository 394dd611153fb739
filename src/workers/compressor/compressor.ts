// Worker only. Text → soft tokens: tokenise, cut into segments, encode those that are not known.

import type { ModelConfig } from '../../model-folder/model-config.js';
import type { Job } from '../../rpc/job.js';
import { normalise } from '../../segments/normalise.js';
import type { Piece } from '../../segments/pieces.js';
import { contentHash, cutPieces, type Segment, sourceHash, sourceTexts } from '../../segments/plan.js';
import { readingText } from '../../segments/reading-text.js';
import { checkFits, DEFAULT_NEW_TOKENS } from '../../segments/window.js';
import { Engine } from '../runtime/engine.js';
import { Tokenizer, textPieces } from '../runtime/tokenizer.js';
import type { CompressorSetup } from '../setup.js';
import type { SoftTokenData } from '../soft-tokens.js';
import type { CompressEvent, CompressionTarget, CompressRequest, KnownSegment, SegmentEvent } from './api.js';
import { type Allocation, RateAllocator } from './rate-allocation.js';
import { planBatches, SegmentEncoder } from './segment-encoder.js';

/** Tokens of a batch, padding included. On wasm a batch wins nothing, and padding costs. */
const BATCH_TOKENS = 4096;
/** Lengths that segments are padded to on WebGPU, as parts of the longest: few, so that batches fill. */
const PADDED_LENGTHS = 4;

type CompressJob = Job<CompressEvent>;
type PlannedSegment = Segment & { hash: string };

/** What the decoder loses of each segment at one rate, and the soft tokens that were made to find out. */
interface Measurement {
  /** Of each segment, in nats a token. */
  losses: number[];
  /** By index; segments whose loss was known before are missing. */
  data: ReadonlyMap<number, SoftTokenData>;
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
    const lengths = segments.map(({ ids }) => ids.length);
    const allocator = new RateAllocator(lengths, target, { room, rates: this.#config.rates });
    const totalTokens = lengths.reduce((sum, length) => sum + length, 0);
    job.emit({ type: 'plan', totalSegments: segments.length, totalTokens, sourceHash: sourceHash(text) });

    const { losses, data }: Measurement = allocator.needsLosses
      ? await this.#measure(segments, allocator.rate, known, job)
      : { losses: [], data: new Map() };
    const allocations = allocator.allocate(losses);
    const emit = inOrder(job);
    const finish = (index: number, soft: SoftTokenData) =>
      emit(index, { type: 'segment', segment: finished(segments[index]!, allocations[index]!, soft) });
    const knownAt = new Set(known.map(({ hash, rate }) => `${hash} ${rate}`));
    const missing = new Map<number, number[]>();
    segments.forEach(({ text: own, hash }, index) => {
      const allocation = allocations[index]!;
      const { rate } = allocation;
      const soft = rate === allocator.rate ? data.get(index) : undefined;
      if (soft) finish(index, soft);
      else if (knownAt.has(`${hash} ${rate}`)) {
        emit(index, { type: 'known', segment: { text: own, hash, ...allocation } });
      } else missing.set(rate, [...(missing.get(rate) ?? []), index]);
    });
    for (const [rate, indices] of missing) {
      await this.#encode(segments, indices, rate, job, (batch, soft) => {
        for (const [i, index] of batch.entries()) finish(index, soft[i]!);
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
   * Encodes segments at a rate and has the decoder score how well it would write them back. It scores a batch while the
   * next one is encoded; losses that are known it is not asked for.
   */
  async #measure(
    segments: readonly PlannedSegment[],
    rate: number,
    known: readonly KnownSegment[],
    job: CompressJob,
  ): Promise<Measurement> {
    const knownLosses = new Map(
      known.flatMap(({ hash, restorationLoss: loss }) => (loss?.rate === rate ? [[hash, loss.nats]] : [])),
    );
    const losses = segments.map(({ hash }) => knownLosses.get(hash));
    const unknown = [...segments.keys()].filter((index) => losses[index] === undefined);
    const data = new Map<number, SoftTokenData>();
    const score = async (batch: readonly number[], soft: readonly SoftTokenData[]) => {
      const parts = batch.map((index, i) => {
        const { ids } = segments[index]!;
        return { ids, softTokens: Math.ceil(ids.length / rate), data: soft[i]! };
      });
      const nats = await job.request<number[]>({ type: 'score', rate, segments: parts });
      for (const [i, index] of batch.entries()) losses[index] = nats[i]!;
      const measured = segments.filter((_, index) => losses[index] !== undefined);
      const tokens = measured.reduce((sum, { ids }) => sum + ids.length, 0);
      job.emit({ type: 'measured', segments: measured.length, tokens });
    };
    let scored = Promise.resolve();
    await this.#encode(segments, unknown, rate, job, (batch, soft) => {
      for (const [i, index] of batch.entries()) data.set(index, soft[i]!);
      scored = scored.then(() => score(batch, soft));
      scored.catch(() => {}); // it is awaited below, unless encoding fails before
    });
    await scored;
    return { losses: losses as number[], data };
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
    const source = normalise(text);
    const reading = readingText(source);
    const all: Piece[] = [];
    let tokens = 0;
    for await (const piece of textPieces(reading.text, this.#tokenizer, this.#config, job)) {
      all.push(piece);
      tokens += piece.ids.length;
      if (Math.ceil(tokens / highest) + others > window) {
        checkFits({ segmentTokens: [tokens], rate, others }, this.#config);
      }
    }
    const segments = cutPieces(all, this.#config.segmentLength);
    checkFits({ segmentTokens: segments.map(({ ids }) => ids.length), rate, others }, this.#config);
    const texts = sourceTexts(segments, reading, source);
    return {
      segments: segments.map(
        ({ ids }, i): PlannedSegment => ({ text: texts[i]!, ids, hash: contentHash(ids) }),
      ),
      room: window - others,
    };
  }
}

function finished(
  { text, hash, ids }: PlannedSegment,
  allocation: Allocation,
  data: SoftTokenData,
): SegmentEvent {
  const tokens = ids.length;
  return { text, hash, tokens, softTokens: Math.ceil(tokens / allocation.rate), ...allocation, data };
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
