// What the page and the compressor's worker say to each other.
import type { WorkerApi } from '../../rpc/worker-api.js';
import type { CompressorSetup } from '../setup.js';
import type { SoftTokenData, TokenisedSegment } from '../soft-tokens.js';

/** What is lost of a segment when the decoder writes it back from its soft tokens at a rate. */
export interface RestorationLoss {
  readonly rate: number;
  /** Mean negative log-likelihood of the segment's own tokens, a token: 0 or more. */
  readonly nats: number;
}

export interface SegmentEvent {
  text: string;
  /** `contentHash` of its token ids */
  hash: string;
  tokens: number;
  rate: number;
  softTokens: number;
  /** As in `CompressedSegment`. */
  restorationLoss?: RestorationLoss;
  /** [softTokens, H]; transferred */
  data: SoftTokenData;
}

/** A segment that need not be encoded, its soft tokens at this rate being at hand. */
export interface KnownSegment {
  hash: string;
  rate: number;
  /** As in `CompressedSegment`. */
  restorationLoss?: RestorationLoss;
}

/** One trained rate for all segments, or as many soft tokens in all as these at most. */
export type CompressionTarget = { rate: number } | { targetTokens: number };

export interface CompressRequest {
  target: CompressionTarget;
  known: KnownSegment[];
}

export type CompressEvent =
  | { type: 'plan'; totalSegments: number; totalTokens: number; sourceHash: string }
  /** A request: its reply is what `DecoderApi#restorationLosses` gives. */
  | { type: 'score'; rate: number; segments: TokenisedSegment[] }
  /** Before rates are chosen: of how much the loss is known so far. */
  | { type: 'measured'; segments: number; tokens: number }
  | { type: 'segment'; segment: SegmentEvent }
  | { type: 'known'; segment: KnownSegment & { text: string } };

export interface CompressorApi extends WorkerApi<CompressorSetup> {
  /** Segments come as events, in order. */
  compress(text: string, request: CompressRequest, port: MessagePort): Promise<void>;
}
