// The facade: owns the two workers and no GPU object.

import { type CachedOptions, type ClearOptions, clearCache, isCached } from './cached-models.js';
import { type Compression, contextOf, createCompression } from './compression.js';
import { type ContextModel, checkContext } from './context/check-context.js';
import type { CompressedContext, CompressedSegment, ContextData } from './context/compressed-context.js';
import { type CompressProgress, ContextAssembly } from './context/context-assembly.js';
import { openContext } from './context/open-context.js';
import { compressionTarget, targetOf } from './context/target.js';
import { type AdapterProbe, chooseRuntime, type Device, type DType, probeAdapter } from './device-choice.js';
import { GmsaError } from './errors.js';
import {
  type Fidelity,
  FidelityAssembly,
  type FidelityOptions,
  scoredSegments,
} from './generation/fidelity.js';
import {
  type AskOptions,
  answerSettings,
  type GenerateOptions,
  restorationSettings,
} from './generation/options.js';
import { watchTokens } from './generation/token-watch.js';
import type { CacheOption } from './model-folder/file-store.js';
import { KeptFiles } from './model-folder/kept-files.js';
import { type ConcreteDType, downloadBytes, GRAPHS } from './model-folder/manifest.js';
import { type ModelFolder, openModelFolder } from './model-folder/model-folder.js';
import { modelHash } from './model-folder/model-hash.js';
import type { DownloadProgress } from './model-folder/progress.js';
import {
  type AdapterDescription,
  COMPRESSOR_GRAPHS,
  type CompressEvent,
  type CompressorApi,
  type CompressorSetup,
  type ConcreteDevice,
  type ContextRequest,
  DECODER_GRAPHS,
  type DecoderApi,
  type DecoderSetup,
  type GenerationEvent,
  type GenerationResult,
  type SegmentFidelity,
  type SessionEvent,
  type WasmPaths,
} from './protocol.js';
import { isBlank } from './segments/normalise.js';
import { type Support, type SupportOptions, support } from './support.js';
import { createTextStream, type TextStream } from './text-stream.js';
import { unlessAborted } from './unless-aborted.js';
import { WorkerHost } from './worker-host.js';
import { startCompressor, startDecoder } from './workers/start.js';

/** Progress of loading: the files, then each session as its creation begins, then ready. */
export type LoadProgress = DownloadProgress | { status: 'session'; name: string } | { status: 'ready' };

export interface LoadOptions {
  /** Default 'auto': WebGPU if there is a real GPU, else wasm. */
  device?: Device;
  /** Default 'auto': the best that device and model folder have in common. */
  dtype?: DType;
  signal?: AbortSignal;
  onProgress?: (progress: LoadProgress) => void;
  /**
   * Memory for KV caches of contexts, which makes a further question about one cheap; those used longest ago are freed
   * and prefilled again when asked about. In bytes; 0 keeps none. Default: 512 MiB on WebGPU, 384 MiB on wasm.
   */
  keyValueBudgetBytes?: number;
  /**
   * Where the model's files are kept for the next visit. Default: the Cache API, or memory where there is none; false:
   * nowhere.
   */
  cache?: CacheOption;
  /** Where ONNX Runtime's wasm is served from; needed only where a bundler did not bring it along. */
  wasmPaths?: WasmPaths;
  /**
   * 'on-demand': loads the decoder alone, enough to ask about saved contexts; the first `compress` brings the encoder's
   * files and worker, and `onProgress` hears of it. Default 'eager'.
   */
  encoder?: 'eager' | 'on-demand';
  /** How to start the workers, for pages whose bundler or origin cannot start them from this module's URL. */
  workers?: { compressor?: () => Worker; decoder?: () => Worker };
}

/** What a model folder says about its model. */
export interface ModelInfo {
  readonly name: string;
  /** SHA-256 over what determines its soft tokens; a context can be asked about only with a model of the same hash. */
  readonly hash: string;
  /** Trained compression rates, ascending. */
  readonly rates: readonly number[];
  readonly defaultRate: number;
  /** Longest segment, in tokens. */
  readonly segmentLength: number;
  /** Positions of the decoder: soft tokens, question and answer have to fit. */
  readonly window: number;
  readonly baseModel: string;
  readonly licence: string;
  /** Download of the dtype in use. */
  readonly bytes: number;
}

export interface CompressOptions {
  /** Tokens merged into one soft token; one of the trained rates. Default: the model's own. */
  rate?: number;
  /**
   * Instead of a rate: the most soft tokens that the text may become. It is compressed at the lowest rate that fits;
   * segments for which that loses most get the next lower rate while the budget lasts. Which ones shows only when all
   * are encoded, so segments are handed out, and prefilled, at the end.
   */
  targetTokens?: number;
  signal?: AbortSignal;
  onProgress?: (progress: CompressProgress) => void;
  /**
   * Default true: the decoder prefills each segment while the next ones are compressed, so that the first question need
   * not wait for it. False saves that work for a text that is only stored.
   */
  prefill?: boolean;
}

/** `update` keeps to the context's rate or number of soft tokens. */
export type UpdateOptions = Omit<CompressOptions, 'rate' | 'targetTokens'>;

interface Parts {
  compressor: WorkerHost<CompressorSetup, CompressorApi>;
  decoder: WorkerHost<DecoderSetup, DecoderApi>;
  folder: ModelFolder;
  device: ConcreteDevice;
  dtype: ConcreteDType;
  adapter: AdapterProbe | undefined;
}

const gone = () =>
  new GmsaError('DISPOSED', 'This Gmsa has been disposed.', 'Load the model again with Gmsa.load().');

/** A loaded model. Every method that takes a signal rejects with the signal's reason once it is aborted. */
export class Gmsa {
  readonly device: ConcreteDevice;
  readonly dtype: ConcreteDType;
  readonly model: ModelInfo;
  /** The GPU in use; undefined on wasm. */
  readonly adapter: AdapterDescription | undefined;

  readonly #compressor: WorkerHost<CompressorSetup, CompressorApi>;
  readonly #decoder: WorkerHost<DecoderSetup, DecoderApi>;
  readonly #contextModel: ContextModel;
  readonly #contextIds = new WeakMap<ContextData, number>();
  #lastContextId = 0;
  #disposed: Promise<void> | undefined;

  private constructor({ compressor, decoder, folder, device, dtype, adapter }: Parts) {
    const { manifest, config } = folder;
    const { rates, defaultRate, segmentLength, window, baseModel, licence } = config;
    this.#compressor = compressor;
    this.#decoder = decoder;
    this.device = device;
    this.dtype = dtype;
    const { name } = manifest;
    this.#contextModel = { name, hash: modelHash(manifest), hiddenSize: config.hiddenSize, rates };
    this.model = Object.freeze({
      name,
      hash: this.#contextModel.hash,
      rates,
      defaultRate,
      segmentLength,
      window,
      baseModel,
      licence,
      bytes: downloadBytes(manifest, dtype),
    });
    if (device === 'webgpu' && adapter) {
      const { vendor, architecture, description, f16 } = adapter;
      this.adapter = { vendor, architecture, description, f16 };
    }
  }

  /**
   * Downloads a model and starts the workers.
   * @param url a model folder (docs/model-format.md), relative to the page or absolute
   * @throws GmsaError `MODEL_NOT_FOUND`, `BAD_MODEL`, `CORRUPT_FILE`, `NETWORK`, `UNSUPPORTED`, `OUT_OF_MEMORY`,
   *   `WORKER_CRASHED`
   */
  static async load(url: string | URL, options: LoadOptions = {}): Promise<Gmsa> {
    const { signal, onProgress, wasmPaths, workers, keyValueBudgetBytes } = options;
    signal?.throwIfAborted();
    if (keyValueBudgetBytes !== undefined && !(keyValueBudgetBytes >= 0)) {
      throw new GmsaError(
        'BAD_INPUT',
        `keyValueBudgetBytes is ${keyValueBudgetBytes}.`,
        'Give a number of bytes, 0 to keep no KV cache, or leave it out.',
      );
    }
    const wanted = { device: options.device ?? 'auto', dtype: options.dtype ?? 'auto' };
    const [folder, adapter] = await Promise.all([
      openModelFolder(url, { signal, cache: options.cache }),
      wanted.device === 'wasm' ? undefined : probeAdapter(),
    ]);
    const offered = Object.keys(folder.manifest.dtypes) as ConcreteDType[];
    const { device, dtype } = chooseRuntime(wanted, adapter, offered);

    const files = new KeptFiles(folder, dtype, onProgress);
    const setup = { device, config: folder.config, ...(wasmPaths ? { wasmPaths } : {}) };
    const onSession = ({ name }: SessionEvent) => onProgress?.({ status: 'session', name });
    const compressor = new WorkerHost<CompressorSetup, CompressorApi>({
      name: 'compressor',
      start: workers?.compressor ?? startCompressor,
      setup: async (stop) => ({ ...setup, ...(await files.get(COMPRESSOR_GRAPHS, stop)) }),
      onSession,
    });
    const decoder = new WorkerHost<DecoderSetup, DecoderApi>({
      name: 'decoder',
      start: workers?.decoder ?? startDecoder,
      setup: async (stop) => ({
        ...setup,
        ...(keyValueBudgetBytes === undefined ? {} : { keyValueBudgetBytes }),
        ...(await files.get(DECODER_GRAPHS, stop)),
      }),
      onSession,
    });
    const eager = options.encoder !== 'on-demand';
    const stop = new AbortController();
    try {
      // The workers start before the download, so that their scripts load meanwhile.
      await Promise.all([
        files.get(
          eager ? GRAPHS : DECODER_GRAPHS,
          signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
        ),
        decoder.start(signal),
        eager && compressor.start(signal),
      ]);
      signal?.throwIfAborted();
    } catch (error) {
      stop.abort();
      await Promise.all([compressor.dispose(gone()), decoder.dispose(gone())]);
      throw error;
    }
    onProgress?.({ status: 'ready' });
    return new Gmsa({ compressor, decoder, folder, device, dtype, adapter });
  }

  /**
   * The preflight, before any download: what `load` would choose here, what the model takes, and what is missing and
   * why. Plain data; what this browser lacks is no error.
   * @param url reads the model folder's manifest and config too
   * @throws GmsaError `MODEL_NOT_FOUND`, `BAD_MODEL`, `CORRUPT_FILE`, `NETWORK`, `BAD_INPUT`
   */
  static support(url?: string | URL, options?: SupportOptions): Promise<Support> {
    return support(url, options);
  }

  /**
   * Whether every file that `load` would take here is in the cache, in the version that the server has (offline: in the
   * version that was kept).
   * @throws GmsaError `MODEL_NOT_FOUND`, `BAD_MODEL`, `CORRUPT_FILE`, `UNSUPPORTED`, `BAD_INPUT`
   */
  static isCached(url: string | URL, options?: CachedOptions): Promise<boolean> {
    return isCached(url, options);
  }

  /**
   * Removes a model from the cache, or every model.
   * @throws GmsaError `BAD_MODEL` if `url` is none
   */
  static clearCache(url?: string | URL, options?: ClearOptions): Promise<void> {
    return clearCache(url, options);
  }

  /**
   * Compresses a text into soft tokens. The decoder prefills each segment as it is finished, unless `prefill` is false.
   * @param text cut into segments, which are encoded independently
   *
   * Rejects with GmsaError `BAD_INPUT` (nothing but white space; both rate and targetTokens), `BAD_RATE`,
   *   `TOO_LONG` (before anything is encoded),
   *   `DEVICE_LOST`, `OUT_OF_MEMORY`, `WORKER_CRASHED`, `DISPOSED`
   */
  compress(text: string, options: CompressOptions = {}): Compression {
    return createCompression((push) => this.#compress(text, options, push));
  }

  /**
   * Compresses a text that has changed: only segments whose content the context does not have are encoded, the others
   * taken over. The result is the same, bit for bit on one device, as that of compressing the new text at the context's
   * rate (or `targetTokens`, where other segments may then get the lower rate and be encoded again); its `stats` say how many segments were reused. A context of another dtype is compressed afresh.
   * @param context stays as it is; it need not hold its text
   *
   * Rejects as `compress` does, and with `OTHER_MODEL` for a context of another model.
   */
  update(context: ContextData, newText: string, options: UpdateOptions = {}): Compression {
    return createCompression(async (push) => {
      this.#checkAlive();
      checkContext(context, this.#contextModel);
      return this.#compress(newText, options, push, context);
    });
  }

  async #compress(
    text: string,
    { signal, onProgress, prefill = true, ...wanted }: CompressOptions,
    push: (segment: CompressedSegment) => void,
    before?: ContextData,
  ): Promise<CompressedContext> {
    this.#checkAlive();
    signal?.throwIfAborted();
    checkText(text, 'text');
    const target = compressionTarget(before ? targetOf(before) : wanted, this.model);
    const assembly = new ContextAssembly(target, before?.dtype === this.dtype ? before.segments : []);
    const contextId = this.#newContextId();
    const onEvent = (event: CompressEvent) => {
      const index = assembly.length;
      const segment = assembly.take(event);
      if (segment) {
        if (prefill)
          this.#decoder.tell((decoder) => decoder.append(contextId, index, [contextSegment(segment)]));
        push(segment);
      }
      onProgress?.(assembly.progress);
    };
    try {
      await this.#compressor.run<CompressEvent, void>(
        (remote, port) => remote.compress(text, assembly.request, port),
        onEvent,
        signal,
      );
    } catch (error) {
      if (assembly.length > 0) this.#decoder.tell((decoder) => decoder.forget(contextId));
      throw error;
    }
    const { name, hash, hiddenSize } = this.#contextModel;
    const context = assembly.finish({ modelName: name, modelHash: hash, dtype: this.dtype, hiddenSize });
    this.#contextIds.set(context, contextId);
    return context;
  }

  /**
   * Reads a context that `toBlob` saved. It needs neither the text nor the encoder to be asked about.
   * @param source the file; or a structured clone of a context, which becomes a context with all its methods again
   * @throws GmsaError `CORRUPT_FILE`, `OTHER_MODEL`, `BAD_RATE`, `BAD_INPUT` (the source is none of these), `DISPOSED`
   */
  async open(
    source: Blob | ArrayBuffer | ContextData,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<CompressedContext> {
    this.#checkAlive();
    signal?.throwIfAborted();
    return unlessAborted(openContext(source, this.#contextModel), signal);
  }

  /**
   * Answers a question about a compressed text. What the decoder has not prefilled yet it prefills now, and keeps it for
   * a while (`keyValueBudgetBytes`): a further question prefills itself alone.
   *
   * Questions are answered one after the other, in the order in which they are asked. One about a compression that is
   * still running takes its place when the last segment is there, and rejects as the compression does.
   *
   * The stream rejects with GmsaError `BAD_INPUT`, `TOO_LONG`, `DEVICE_LOST`, `OUT_OF_MEMORY`, `WORKER_CRASHED` or
   * `DISPOSED`.
   */
  ask(context: ContextData | Compression, question: string, options: AskOptions = {}): TextStream {
    return this.#generate(context, options, () => {
      checkText(question, 'question');
      const settings = answerSettings(options);
      return (decoder, port, ready) => decoder.ask(this.#request(ready), question, settings, port);
    });
  }

  /** Writes the text back from its soft tokens, segment by segment: what survived. Rejects as `ask` does. */
  restore(context: ContextData | Compression, options: GenerateOptions = {}): TextStream {
    return this.#generate(context, options, () => {
      const settings = restorationSettings(options);
      return (decoder, port, ready) => decoder.restore(this.#request(ready), settings, port);
    });
  }

  /**
   * How well a text survives: for each of its tokens the log-probability with which it would be restored, given the
   * tokens before it in its segment. Takes its turn among the questions.
   * @throws GmsaError as `ask` does; `BAD_INPUT` for a context that was saved without its text
   */
  async fidelity(
    context: ContextData | Compression,
    { signal, onProgress }: FidelityOptions = {},
  ): Promise<Fidelity> {
    this.#checkAlive();
    const ready = await unlessAborted(contextOf(context), signal);
    checkContext(ready, this.#contextModel);
    const segments = scoredSegments(ready);
    const assembly = new FidelityAssembly(ready, onProgress);
    await this.#decoder.run<SegmentFidelity, void>(
      (decoder, port) => decoder.fidelity(segments, ready.rate, port),
      (segment) => assembly.add(segment),
      signal,
    );
    return assembly.finish();
  }

  /** Answers from the uncompressed text through the same decoder, for comparison. Rejects as `ask` does. */
  askFullText(text: string, question: string, options: AskOptions = {}): TextStream {
    return this.#generate(undefined, options, () => {
      checkText(text, 'text');
      checkText(question, 'question');
      const settings = answerSettings(options);
      return (decoder, port) => decoder.askFullText(text, question, settings, port);
    });
  }

  /** Tokens of a text, as `compress` counts them. An empty text has none. */
  async countTokens(text: string, { signal }: { signal?: AbortSignal } = {}): Promise<number> {
    this.#checkAlive();
    if (typeof text !== 'string') checkText(text, 'text');
    return this.#decoder.run(
      (decoder, port) => decoder.countTokens(text, port),
      () => {},
      signal,
    );
  }

  /**
   * Frees what compressing needs, on the GPU too, once the compressions under way have ended. Contexts can be asked about
   * on; the next `compress` starts the encoder again from the files already downloaded.
   */
  async releaseEncoder(): Promise<void> {
    this.#checkAlive();
    await this.#compressor.release();
  }

  /** Releases everything and ends the workers. Twice is harmless; later calls reject with `DISPOSED`. */
  dispose(): Promise<void> {
    this.#disposed ??= Promise.all([this.#compressor.dispose(gone()), this.#decoder.dispose(gone())]).then(
      () => {},
    );
    return this.#disposed;
  }

  #checkAlive(): void {
    if (this.#disposed) throw gone();
  }

  /**
   * @param target what it is about; waited for if it is still being compressed
   * @param prepare checks the input before that, and gives the call to the worker
   */
  #generate<C extends ContextData | undefined>(
    target: C | Compression,
    options: GenerateOptions,
    prepare: () => (decoder: DecoderApi, port: MessagePort, context: C) => Promise<GenerationResult>,
  ): TextStream {
    return createTextStream(async (push) => {
      this.#checkAlive();
      const start = prepare();
      const watch = watchTokens(options);
      const context = await unlessAborted(contextOf(target), options.signal);
      const result = await this.#decoder.run<GenerationEvent, GenerationResult>(
        (decoder, port) => start(decoder, port, context),
        (event) => {
          if (event.type === 'text') push(event.text);
          else if (event.type === 'prompt') watch.onPrompt(event.ids);
          else return watch.onToken(event.id);
        },
        options.signal,
      );
      watch.onEnd();
      return result;
    });
  }

  #newContextId(): number {
    this.#lastContextId += 1;
    return this.#lastContextId;
  }

  #request(context: ContextData): ContextRequest {
    let contextId = this.#contextIds.get(context);
    if (contextId === undefined) {
      checkContext(context, this.#contextModel);
      contextId = this.#newContextId();
      this.#contextIds.set(context, contextId);
    }
    return { contextId, rate: context.rate, segments: context.segments.map(contextSegment) };
  }
}

const contextSegment = ({ tokens, softTokens, data }: CompressedSegment) => ({ tokens, softTokens, data });

function checkText(value: unknown, what: 'text' | 'question'): void {
  if (typeof value !== 'string') {
    throw new GmsaError('BAD_INPUT', `The ${what} is not a string but ${typeof value}.`, `Give a ${what}.`);
  }
  if (isBlank(value)) {
    throw new GmsaError(
      'BAD_INPUT',
      value === '' ? `The ${what} is empty.` : `The ${what} has nothing but white space.`,
      `Give a ${what} with at least one word.`,
    );
  }
}
