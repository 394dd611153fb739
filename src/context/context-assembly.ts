import type { CompressEvent } from '../protocol.js';
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
  #sourceHash = '';
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
  constructor(known: readonly CompressedSegment[]) {
    this.#known = new Map(known.map((segment) => [keyOf(segment), segment]));
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
    const known = event.type === 'known';
    const segment = Object.freeze(
      known ? { ...this.#known.get(keyOf(event.segment))!, text: event.segment.text } : event.segment,
    );
    this.#segments.push(segment);
    this.#progress.segments += 1;
    this.#progress.tokens += segment.tokens;
    if (known) this.#reusedSegments += 1;
    else this.#encodedTokens += segment.tokens;
    return segment;
  }

  finish(model: Pick<ContextParts, 'modelName' | 'modelHash' | 'dtype' | 'hiddenSize'>): CompressedContext {
    return new CompressedContext({
      ...model,
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
