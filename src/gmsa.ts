// The facade: owns the two workers and no GPU object.

import { type CompressedContext, openContext } from './context/compressed-context.js';
import {
  type Compression,
  type CompressOptions,
  compressionOf,
  compressionTarget,
  contextOf,
  targetOf,
  type UpdateOptions,
} from './context/compression.js';
import { ContextAssembly } from './context/context-assembly.js';
import {
  type CompressedSegment,
  type ContextData,
  type ContextModel,
  checkContext,
} from './context/context-data.js';
import { contextText } from './context/context-text.js';
import {
  type Fidelity,
  FidelityAssembly,
  type FidelityOptions,
  scoredSegments,
} from './generation/fidelity.js';
import {
  type AnswerOptions,
  type AskOptions,
  answerSettings,
  askSettings,
  type GenerateOptions,
  restorationSettings,
} from './generation/options.js';
import {
  type AnswerStream,
  answerStreamOf,
  type TextStream,
  textStreamOf,
} from './generation/text-stream.js';
import { type TokenWatch, watchTokens } from './generation/token-watch.js';
import { type CachedOptions, type ClearOptions, clearCache, isCached } from './loading/cached-models.js';
import { gone, type LoadedModel, type LoadOptions, load } from './loading/load.js';
import { type ModelInfo, modelInfo } from './loading/model-info.js';
import { type Support, type SupportOptions, support } from './loading/support.js';
import type { ConcreteDType } from './model-folder/manifest.js';
import { checkOptions, checkText } from './options.js';
import type { WorkerHost } from './rpc/worker-host.js';
import { GrowingList } from './utils/growing-list.js';
import { unlessAborted } from './utils/unless-aborted.js';
import type { CompressEvent, CompressorApi } from './workers/compressor/api.js';
import type {
  AnswerResult,
  ContextRequest,
  DecoderApi,
  GenerationEvent,
  GenerationResult,
  SegmentFidelity,
} from './workers/decoder/api.js';
import type { AdapterDescription, CompressorSetup, ConcreteDevice, DecoderSetup } from './workers/setup.js';

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

  private constructor({ compressor, decoder, folder, device, dtype, adapter }: LoadedModel) {
    this.#compressor = compressor;
    this.#decoder = decoder;
    this.device = device;
    this.dtype = dtype;
    this.model = modelInfo(folder, dtype);
    const { name, hash, rates } = this.model;
    this.#contextModel = { name, hash, hiddenSize: folder.config.hiddenSize, rates };
    if (device === 'webgpu' && adapter) {
      const { vendor, architecture, description, f16 } = adapter;
      this.adapter = { vendor, architecture, description, f16 };
    }
  }

  /**
   * Downloads a model and starts the workers.
   * @param url a model folder (docs/formats/model-folder.md), relative to the page or absolute
   * @throws GmsaError `MODEL_NOT_FOUND`, `BAD_MODEL`, `CORRUPT_FILE`, `NETWORK`, `UNSUPPORTED`, `OUT_OF_MEMORY`,
   *   `WORKER_CRASHED`, `BAD_INPUT`
   */
  static async load(url: string | URL, options: LoadOptions = {}): Promise<Gmsa> {
    return new Gmsa(await load(url, options));
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
   * @throws GmsaError `BAD_MODEL` if `url` is none, `INTERNAL` if the cache fails, `BAD_INPUT`
   */
  static clearCache(url?: string | URL, options?: ClearOptions): Promise<void> {
    return clearCache(url, options);
  }

  /**
   * Compresses a text into soft tokens. The decoder prefills each segment as it is finished, unless `prefill` is false.
   * @param text cut into segments, which are encoded independently
   *
   * Rejects with GmsaError `BAD_INPUT` (nothing but white space; both rate and targetTokens), `BAD_RATE`,
   *   `TOO_LONG` (before anything is encoded), `DEVICE_LOST`, `OUT_OF_MEMORY`, `WORKER_CRASHED` (with `targetTokens` the
   *   decoder's too), `DISPOSED`
   */
  compress(text: string, options: CompressOptions = {}): Compression {
    const segments = new GrowingList<CompressedSegment, CompressedContext>();
    segments.endWith(this.#compress(text, options, segments));
    return compressionOf(segments);
  }

  /**
   * Compresses a text that has changed: only segments whose content the context does not have are encoded, the others
   * taken over. The result is the same, bit for bit on one device, as that of compressing the new text at the context's
   * rate (or `targetTokens`, where other segments may then get the lower rate and be encoded again); its `stats` say how
   * many segments were reused. A context of another dtype is compressed afresh.
   * @param context stays as it is; it need not hold its text
   *
   * Rejects as `compress` does, and with `OTHER_MODEL` for a context of another model.
   */
  update(context: ContextData, newText: string, options: UpdateOptions = {}): Compression {
    const segments = new GrowingList<CompressedSegment, CompressedContext>();
    segments.endWith(this.#update(context, newText, options, segments));
    return compressionOf(segments);
  }

  async #update(
    context: ContextData,
    newText: string,
    options: UpdateOptions,
    segments: GrowingList<CompressedSegment, CompressedContext>,
  ): Promise<CompressedContext> {
    this.#checkCall(options);
    checkContext(context, this.#contextModel);
    return this.#compress(newText, options, segments, context);
  }

  /** @param segments gets them as they are finished */
  async #compress(
    text: string,
    options: CompressOptions,
    segments: GrowingList<CompressedSegment, CompressedContext>,
    before?: ContextData,
  ): Promise<CompressedContext> {
    this.#checkCall(options);
    const { signal, onProgress, prefill = true, ...wanted } = options;
    signal?.throwIfAborted();
    checkText(text, 'text');
    const target = compressionTarget(before ? targetOf(before) : wanted, this.model);
    const assembly = new ContextAssembly(target, before?.dtype === this.dtype ? before.segments : []);
    const contextId = this.#newContextId();
    const ended = new AbortController();
    const onEvent = (event: CompressEvent) => {
      if (event.type === 'score') {
        return this.#decoder.run<never, number[]>(
          (decoder, port) => decoder.restorationLosses(event.segments, event.rate, port),
          () => {},
          ended.signal,
        );
      }
      const index = assembly.length;
      const segment = assembly.take(event);
      if (segment) {
        if (prefill)
          this.#decoder.notify((decoder) => decoder.append(contextId, index, [contextSegment(segment)]));
        segments.push(segment);
      }
      onProgress?.(assembly.progress);
      return undefined;
    };
    try {
      await this.#compressor.run<CompressEvent, void>(
        (remote, port) => remote.compress(text, assembly.request, port),
        onEvent,
        signal,
      );
    } catch (error) {
      ended.abort(error);
      if (assembly.length > 0) this.#decoder.notify((decoder) => decoder.forget(contextId));
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
    source: Blob | BufferSource | ContextData,
    options: { signal?: AbortSignal } = {},
  ): Promise<CompressedContext> {
    this.#checkCall(options);
    const { signal } = options;
    signal?.throwIfAborted();
    return unlessAborted(openContext(source, this.#contextModel), signal);
  }

  /**
   * Answers a question about a compressed text, from its soft tokens and, where the model can read them, from words of the
   * text that the question points to (`quotes`). Soft tokens that the decoder has not prefilled yet it prefills when it reads
   * them, and keeps them for a while (`kvCacheBytes`): a further question prefills its quotes and itself alone.
   *
   * Questions are answered one after the other, in the order in which they are asked. One about a compression that is
   * still running takes its place when the last segment is there, and rejects as the compression does.
   *
   * The stream rejects with GmsaError `BAD_INPUT`, `TOO_LONG`, `CORRUPT_FILE` (the context's text is not the one that was
   * compressed), `DEVICE_LOST`, `OUT_OF_MEMORY`, `WORKER_CRASHED` or `DISPOSED`.
   */
  ask(context: ContextData | Compression, question: string, options: AskOptions = {}): AnswerStream {
    const chunks = new GrowingList<string, AnswerResult>();
    chunks.endWith(this.#ask(context, question, options, chunks));
    return answerStreamOf(chunks);
  }

  async #ask(
    context: ContextData | Compression,
    question: string,
    options: AskOptions,
    chunks: GrowingList<string, AnswerResult>,
  ): Promise<AnswerResult> {
    this.#checkCall(options);
    checkText(question, 'question');
    const settings = askSettings(options, this.model.window);
    const watch = watchTokens(options);
    const ready = await unlessAborted(contextOf(context), options.signal);
    const ask = (decoder: DecoderApi, port: MessagePort) => {
      const request = this.#request(ready);
      const text = contextText(ready);
      return decoder.ask(text === undefined ? request : { ...request, text }, question, settings, port);
    };
    return this.#generate(ask, { chunks, watch, signal: options.signal });
  }

  /** Writes the text back from its soft tokens, segment by segment: what survived. Rejects as `ask` does. */
  restore(context: ContextData | Compression, options: GenerateOptions = {}): TextStream {
    const chunks = new GrowingList<string, GenerationResult>();
    chunks.endWith(this.#restore(context, options, chunks));
    return textStreamOf(chunks);
  }

  async #restore(
    context: ContextData | Compression,
    options: GenerateOptions,
    chunks: GrowingList<string, GenerationResult>,
  ): Promise<GenerationResult> {
    this.#checkCall(options);
    const settings = restorationSettings(options);
    const watch = watchTokens(options);
    const ready = await unlessAborted(contextOf(context), options.signal);
    return this.#generate((decoder, port) => decoder.restore(this.#request(ready), settings, port), {
      chunks,
      watch,
      signal: options.signal,
    });
  }

  /**
   * How well a text survives: for each of its tokens the log-probability with which it would be restored, given the
   * tokens before it in its segment. Takes its turn among the questions.
   * @throws GmsaError as `ask` does; `BAD_INPUT` for a context that was saved without its text
   */
  async fidelity(context: ContextData | Compression, options: FidelityOptions = {}): Promise<Fidelity> {
    this.#checkCall(options);
    const { signal, onProgress } = options;
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
  askFullText(text: string, question: string, options: AnswerOptions = {}): TextStream {
    const chunks = new GrowingList<string, GenerationResult>();
    chunks.endWith(this.#askFullText(text, question, options, chunks));
    return textStreamOf(chunks);
  }

  async #askFullText(
    text: string,
    question: string,
    options: AnswerOptions,
    chunks: GrowingList<string, GenerationResult>,
  ): Promise<GenerationResult> {
    this.#checkCall(options);
    checkText(text, 'text');
    checkText(question, 'question');
    const settings = answerSettings(options);
    const watch = watchTokens(options);
    await unlessAborted(undefined, options.signal); // as many turns as `ask` takes, so that questions keep their order
    return this.#generate((decoder, port) => decoder.askFullText(text, question, settings, port), {
      chunks,
      watch,
      signal: options.signal,
    });
  }

  /** Tokens of a text, as `compress` counts them. An empty text has none. */
  async countTokens(text: string, options: { signal?: AbortSignal } = {}): Promise<number> {
    this.#checkCall(options);
    if (typeof text !== 'string') checkText(text, 'text');
    return this.#decoder.run(
      (decoder, port) => decoder.countTokens(text, port),
      () => {},
      options.signal,
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

  /** What every call checks first. @throws GmsaError `DISPOSED`, `BAD_INPUT` */
  #checkCall(options: unknown): void {
    this.#checkAlive();
    checkOptions(options);
  }

  /** Runs one generation in the decoder's worker; its text goes to `chunks`, its tokens to `watch`. */
  async #generate<R extends GenerationResult>(
    call: (decoder: DecoderApi, port: MessagePort) => Promise<R>,
    { chunks, watch, signal }: GenerationOutput,
  ): Promise<R> {
    const onEvent = (event: GenerationEvent) => {
      if (event.type === 'text') chunks.push(event.text);
      else if (event.type === 'prompt') watch.onPrompt(event.ids);
      else return watch.onToken(event.id);
      return undefined;
    };
    const result = await this.#decoder.run<GenerationEvent, R>(call, onEvent, signal);
    watch.onEnd();
    return result;
  }

  #newContextId(): number {
    this.#lastContextId += 1;
    return this.#lastContextId;
  }

  #request(context: ContextData): ContextRequest {
    let contextId = this.#contextIds.get(context);
    if (contextId === undefined || context.segments.some(({ data }) => data.length === 0)) {
      checkContext(context, this.#contextModel);
      contextId = this.#newContextId();
      this.#contextIds.set(context, contextId);
    }
    return { contextId, rate: context.rate, segments: context.segments.map(contextSegment) };
  }
}

/** Where a generation reports. */
interface GenerationOutput {
  chunks: Pick<GrowingList<string, unknown>, 'push'>;
  watch: TokenWatch;
  signal: AbortSignal | undefined;
}

const contextSegment = ({ tokens, softTokens, data }: CompressedSegment) => ({ tokens, softTokens, data });
