// Worker only. Text → soft tokens: tokenise, cut into segments, encode those that are not known.
import type { Job } from '../job.js';
import type { ModelConfig } from '../model-folder/model-config.js';
import type { CompressEvent, CompressorSetup, CompressRequest } from '../protocol.js';
import { contentHash, sourceHash } from '../segments/content-hash.js';
import type { Piece } from '../segments/pieces.js';
import { cutPieces, type Segment } from '../segments/plan.js';
import { checkFits, DEFAULT_NEW_TOKENS } from '../window.js';
import { planBatches } from './batches.js';
import { Engine } from './engine.js';
import { SegmentEncoder } from './segment-encoder.js';
import { textPieces } from './text-pieces.js';
import { Tokenizer } from './tokenizer.js';

/** Tokens of a batch, padding included. On wasm a batch wins nothing, and padding costs. */
const BATCH_TOKENS = 4096;
/** Lengths that segments are padded to on WebGPU, as parts of the longest: few, so that batches fill. */
const PADDED_LENGTHS = 4;

type CompressJob = Job<CompressEvent>;
type PlannedSegment = Segment & { hash: string };

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
   * @param request its rate is one of the trained ones
   * @throws GmsaError `TOO_LONG`, before anything is encoded
   */
  async compress(text: string, { rate, known }: CompressRequest, job: CompressJob): Promise<void> {
    const segments = await this.#plan(text, rate, job);
    const totalTokens = segments.reduce((sum, { ids }) => sum + ids.length, 0);
    job.emit({ type: 'plan', totalSegments: segments.length, totalTokens, sourceHash: sourceHash(text) });

    const emit = inOrder(job);
    const knownHashes = new Set(known.flatMap((segment) => (segment.rate === rate ? [segment.hash] : [])));
    const fresh: number[] = [];
    segments.forEach(({ text: own, hash }, index) => {
      if (knownHashes.has(hash)) emit(index, { type: 'known', segment: { text: own, hash, rate } });
      else fresh.push(index);
    });
    const lengths = fresh.map((index) => segments[index]!.ids.length);
    for (const batch of planBatches(lengths, this.#batching())) {
      await job.checkpoint();
      const indices = batch.segments.map((i) => fresh[i]!);
      const data = await this.#encoder
        .encode(
          indices.map((index) => segments[index]!.ids),
          batch.tokens,
          rate,
        )
        .catch((error: unknown) => {
          throw this.#engine.explain(error, `compressing segments ${indices.map((i) => i + 1).join(', ')}`);
        });
      indices.forEach((index, i) => {
        const { text: own, hash, ids } = segments[index]!;
        const softTokens = Math.ceil(ids.length / rate);
        const segment = { text: own, hash, tokens: ids.length, rate, softTokens, data: data[i]! };
        emit(index, { type: 'segment', segment });
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

  /** Tokenises and cuts, and gives up as soon as the text cannot fit at any rate. */
  async #plan(text: string, rate: number, job: CompressJob): Promise<PlannedSegment[]> {
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
    return segments.map((segment) => ({ ...segment, hash: contentHash(segment.ids) }));
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
