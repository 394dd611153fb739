import type { CompressEvent, CompressionTarget, CompressRequest, KnownSegment } from '../protocol.js';
import { CompressedContext, type CompressedSegment, type ContextParts } from './compressed-context.js';

export interface CompressProgress {
  status: 'compress';
  /** Finished so far. */
  segments: number;
  totalSegments: number;
  /** Of the finished segments. */
  tokens: number;
  totalTokens: number;
}

/** A context in the making: takes what the compressor reports, in order. */
export class ContextAssembly {
  readonly #started = performance.now();
  readonly #known: Map<string, CompressedSegment>;
  readonly #segments: CompressedSegment[] = [];
  readonly #target: CompressionTarget;
  #sourceHash = '';
  #tokens = 0;
  #encodedTokens = 0;
  #reusedSegments = 0;
  readonly #progress: CompressProgress = {
    status: 'compress',
    segments: 0,
    totalSegments: 0,
    tokens: 0,
    totalTokens: 0,
  };

  /** @param known segments that the compressor may leave out */
  constructor(target: CompressionTarget, known: readonly CompressedSegment[]) {
    this.#target = target;
    this.#known = new Map(known.map((segment) => [keyOf(segment), segment]));
  }

  /** Segments taken so far. */
  get length(): number {
    return this.#segments.length;
  }

  /** For the compressor. */
  get request(): CompressRequest {
    const known = [...this.#known.values()].map(({ hash, rate, mergeLosses }) => ({
      hash,
      rate,
      ...(mergeLosses ? { mergeLosses } : {}),
    }));
    return { target: this.#target, known };
  }

  /** A copy. */
  get progress(): CompressProgress {
    return { ...this.#progress };
  }

  /** @returns the segment that the event brings, if it brings one */
  take(event: CompressEvent): CompressedSegment | undefined {
    if (event.type === 'plan') {
      this.#progress.totalSegments = event.totalSegments;
      this.#progress.totalTokens = event.totalTokens;
      this.#sourceHash = event.sourceHash;
      return undefined;
    }
    if (event.type === 'measured') {
      this.#progress.segments = event.segments;
      this.#progress.tokens = event.tokens;
      return undefined;
    }
    const segment = Object.freeze(event.type === 'known' ? this.#reused(event.segment) : event.segment);
    this.#segments.push(segment);
    this.#tokens += segment.tokens;
    // Segments that were measured count as finished already.
    this.#progress.segments = Math.max(this.#progress.segments, this.#segments.length);
    this.#progress.tokens = Math.max(this.#progress.tokens, this.#tokens);
    if (event.type === 'known') this.#reusedSegments += 1;
    else this.#encodedTokens += segment.tokens;
    return segment;
  }

  #reused({ text, mergeLosses, ...segment }: KnownSegment & { text: string }): CompressedSegment {
    const { mergeLosses: _, ...rest } = this.#known.get(keyOf(segment))!;
    return { ...rest, text, ...(mergeLosses ? { mergeLosses } : {}) };
  }

  finish(model: Pick<ContextParts, 'modelName' | 'modelHash' | 'dtype' | 'hiddenSize'>): CompressedContext {
    return new CompressedContext({
      ...model,
      ...('targetTokens' in this.#target ? { targetTokens: this.#target.targetTokens } : {}),
      sourceHash: this.#sourceHash,
      segments: this.#segments,
      stats: {
        ms: performance.now() - this.#started,
        encodedSegments: this.#segments.length - this.#reusedSegments,
        encodedTokens: this.#encodedTokens,
        reusedSegments: this.#reusedSegments,
      },
    });
  }
}

const keyOf = ({ hash, rate }: { hash: string; rate: number }) => `${hash} ${rate}`;
