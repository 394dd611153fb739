// What crosses between the page and its two workers. Calls go through comlink; what a long call reports on the way
// goes over a MessagePort of its own (job.ts), which keeps the order and carries the abort back.

import type { GraphName } from './model-folder/manifest.js';
import type { ModelConfig } from './model-folder/model-config.js';
import type { GraphBlobs, TokenizerFiles } from './model-folder/model-files.js';

export type ConcreteDevice = 'webgpu' | 'wasm';

/** The GPU in use, as the browser describes it; parts it keeps to itself are empty. */
export interface AdapterDescription {
  vendor: string;
  architecture: string;
  description: string;
  /** Whether shaders can use 16-bit floats. */
  f16: boolean;
}

/** URLs of the files of one build of ONNX Runtime. */
export interface WasmFiles {
  wasm?: string;
  mjs?: string;
}

/**
 * Where ONNX Runtime finds its wasm. Unset: beside the bundled worker. A string: the URL of a folder with the files of
 * both builds, `ort-wasm-simd-threaded.{jspi,asyncify}.{mjs,wasm}`. An object: the URLs of the asyncify build's files,
 * which runs everywhere, and under `jspi` those of the build for browsers with `WebAssembly.Suspending`, which is not
 * used without.
 */
export type WasmPaths = string | (WasmFiles & { jspi?: WasmFiles });

/** Whether WebAssembly can wait for promises here (JSPI). */
export const hasJspi = (): boolean => typeof WebAssembly !== 'undefined' && 'Suspending' in WebAssembly;

/** Soft tokens as the graphs give and take them: f32 values, or the bits of f16 values. */
export type SoftTokenData = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

interface WorkerSetup {
  device: ConcreteDevice;
  config: ModelConfig;
  tokenizer: TokenizerFiles;
  wasmPaths?: WasmPaths;
}

export const COMPRESSOR_GRAPHS = ['embed_tokens', 'encoder_model', 'lsa'] as const satisfies GraphName[];
export const DECODER_GRAPHS = ['embed_tokens', 'decoder_model_merged'] as const satisfies GraphName[];

export interface CompressorSetup extends WorkerSetup {
  graphs: Record<(typeof COMPRESSOR_GRAPHS)[number], GraphBlobs>;
}

export interface DecoderSetup extends WorkerSetup {
  graphs: Record<(typeof DECODER_GRAPHS)[number], GraphBlobs>;
  /** For the KV caches that are kept; unset: a default of the device. */
  keyValueBudgetBytes?: number;
}

/** The graph whose session is being created. */
export interface SessionEvent {
  name: string;
}

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

/** What a worker host needs of any worker. */
export interface WorkerApi<Setup> {
  /** Answers once the worker holds the lock of that name, which it gives back when it ends. */
  hello(lock: string): Promise<void>;
  load(setup: Setup, port: MessagePort): Promise<void>;
  /** Once loaded: rejects when nothing can be run any more, as when the GPU device is lost. */
  failure(): Promise<void>;
  dispose(): Promise<void>;
}

export interface CompressorApi extends WorkerApi<CompressorSetup> {
  /** Segments come as events, in order. */
  compress(text: string, request: CompressRequest, port: MessagePort): Promise<void>;
}

export interface ContextSegment {
  tokens: number;
  softTokens: number;
  data: SoftTokenData;
}

/** A segment and what it was made from. */
export interface ScoredSegment extends ContextSegment {
  text: string;
}

/** A segment and its token ids. */
export interface TokenisedSegment extends Omit<ContextSegment, 'tokens'> {
  ids: readonly number[];
}

export interface ContextRequest {
  /** The same context has the same id; its KV cache is kept under it for a while. */
  contextId: number;
  rate: number;
  segments: ContextSegment[];
}

/** Of one call; times in milliseconds. */
export interface GenerationStats {
  /** Positions prefilled in this call: prefix, soft tokens and question, or the question alone if the context's KV cache was reused. */
  promptTokens: number;
  /** Soft tokens that stood for the text. */
  softTokens: number;
  /** Tokens generated, without the end token. */
  newTokens: number;
  /** From the start of the work in the decoder to the first token. */
  msToFirstToken: number;
  /** Mean over the tokens after the first. */
  msPerToken: number;
  ms: number;
  /** Positions of prefix and soft tokens whose KV cache was there: kept, or prefilled while the text was compressed. */
  reusedTokens: number;
  /** Whether all of them were. */
  reusedContext: boolean;
  /** An end token, `maxNewTokens`, or `stoppingCriteria`. A restoration ended by `end` if all its segments did. */
  stoppedBy: 'end' | 'length' | 'criteria';
}

export interface GenerationResult {
  stats: GenerationStats;
  tokenIds: number[];
}

export type GenerationEvent =
  /** A piece of text. */
  | { type: 'text'; text: string }
  /** Of a call that is watched: the prompt's tokens, first of all. Soft tokens have no ids. */
  | { type: 'prompt'; ids: number[] }
  /** Of a call that is watched: a token, to be answered with whether to stop after it. */
  | { type: 'token'; id: number };

/** How tokens are drawn. */
export interface Sampling {
  /** Above 0. */
  temperature: number;
  /** 0: all. */
  topK: number;
  topP: number;
  /** Unset: another one each time. */
  seed?: number;
}

/** How many tokens are generated, and which. */
export interface GenerationSettings {
  /** End tokens are passed over until there are so many tokens. */
  minNewTokens: number;
  /** The end token is not counted. */
  maxNewTokens: number;
  /** Unset: greedy. */
  sampling?: Sampling;
  /** Of tokens of the question and those generated. Unset: 1, none. */
  repetitionPenalty?: number;
  /** Whether the page is told each token, and decides whether to stop after it. */
  isWatched?: boolean;
}

/** How well one segment survives: what its own tokens would have been restored with. */
export interface SegmentFidelity {
  tokenIds: number[];
  /** What each token stands for; '' before the last of several that make up a character. Joined: the segment's text. */
  pieces: string[];
  /** Natural logarithms, at most 0. */
  logProbabilities: Float32Array<ArrayBuffer>;
}

/** `maxNewTokens` is per segment; unset: the segment's tokens and some more. */
export type RestorationSettings = Omit<GenerationSettings, 'maxNewTokens'> & { maxNewTokens?: number };

export interface DecoderApi extends WorkerApi<DecoderSetup> {
  /** Prefills segments of a context that is still being compressed; `first`: index of the first one. */
  append(contextId: number, first: number, segments: ContextSegment[]): Promise<void>;
  /** Frees what is kept of a context. */
  forget(contextId: number): Promise<void>;
  /** As `compress` counts them. */
  countTokens(text: string, port: MessagePort): Promise<number>;
  ask(
    context: ContextRequest,
    question: string,
    settings: GenerationSettings,
    port: MessagePort,
  ): Promise<GenerationResult>;
  restore(
    context: ContextRequest,
    settings: RestorationSettings,
    port: MessagePort,
  ): Promise<GenerationResult>;
  /** Scores segments against their own texts; each comes as an event, in order. */
  fidelity(segments: ScoredSegment[], rate: number, port: MessagePort): Promise<void>;
  /** Of each segment what `RestorationLoss` calls `nats`. */
  restorationLosses(segments: TokenisedSegment[], rate: number, port: MessagePort): Promise<number[]>;
  askFullText(
    text: string,
    question: string,
    settings: GenerationSettings,
    port: MessagePort,
  ): Promise<GenerationResult>;
}

/** What a worker is there for. */
export type WorkerName = 'compressor' | 'decoder';

/** What the script of both workers answers; in each worker the page calls one of them alone. */
export interface WorkerApis extends Record<WorkerName, object> {
  compressor: CompressorApi;
  decoder: DecoderApi;
}
