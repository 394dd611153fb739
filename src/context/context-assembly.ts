import type {
  CompressEvent,
  CompressionTarget,
  CompressRequest,
  KnownSegment,
} from '../workers/compressor/api.js';
import { CompressedContext } from './compressed-context.js';
import type { CompressedSegment, ContextParts } from './context-data.js';

export interface CompressProgress {
  status: 'compress';
  /** Finished so far. A segment whose loss is measured first (`targetTokens`) counts half from then on. */
  segments: number;
  totalSegments: number;
  /** Of those segments. */
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
  #measured: { segments: number; tokens: number } | undefined;
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
    const known = [...this.#known.values()].map(({ hash, rate, restorationLoss }) => ({
      hash,
      rate,
      ...(restorationLoss ? { restorationLoss } : {}),
    }));
    return { target: this.#target, known };
  }

  /** A copy. */
  get progress(): CompressProgress {
    const segments = this.#segments.length;
    const tokens = this.#tokens;
    const { segments: measured, tokens: measuredTokens } = this.#measured ?? { segments, tokens };
    return {
      ...this.#progress,
      segments: Math.floor((segments + measured) / 2),
      tokens: Math.floor((tokens + measuredTokens) / 2),
    };
  }

  /** @returns the segment that the event brings, if it brings one */
  take(event: Exclude<CompressEvent, { type: 'score' }>): CompressedSegment | undefined {
    if (event.type === 'plan') {
      this.#progress.totalSegments = event.totalSegments;
      this.#progress.totalTokens = event.totalTokens;
      this.#sourceHash = event.sourceHash;
      return undefined;
    }
    if (event.type === 'measured') {
      this.#measured = event;
      return undefined;
    }
    const segment = Object.freeze(event.type === 'known' ? this.#reused(event.segment) : event.segment);
    this.#segments.push(segment);
    this.#tokens += segment.tokens;
    if (event.type === 'known') this.#reusedSegments += 1;
    else this.#encodedTokens += segment.tokens;
    return segment;
  }

  #reused({ text, restorationLoss, ...segment }: KnownSegment & { text: string }): CompressedSegment {
    const { restorationLoss: _, ...rest } = this.#known.get(keyOf(segment))!;
    return { ...rest, text, ...(restorationLoss ? { restorationLoss } : {}) };
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
