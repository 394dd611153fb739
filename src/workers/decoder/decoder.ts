// Worker only. Soft tokens → text, one call after the other, in the order in which they come.
import { GmsaError } from '../../errors.js';
import type { ModelConfig } from '../../model-folder/model-config.js';
import { type Job, nextTask } from '../../rpc/job.js';
import { readingText } from '../../segments/reading-text.js';
import { checkFits } from '../../segments/window.js';
import { Engine } from '../runtime/engine.js';
import { Tokenizer, textPieces } from '../runtime/tokenizer.js';
import type { DecoderSetup } from '../setup.js';
import type { ContextSegment, TokenisedSegment } from '../soft-tokens.js';
import type {
  AnswerResult,
  AnswerSettings,
  AnswerSupport,
  ContextRequest,
  GenerationEvent,
  GenerationResult,
  GenerationSettings,
  RestorationSettings,
  ScoredSegment,
  SegmentFidelity,
} from './api.js';
import { Contexts } from './contexts.js';
import { type Checkpoint, DecoderGraph, type KeyValueCache } from './decoder-graph.js';
import { checkTokens, scoreTokens } from './fidelity.js';
import { type Generated, generate, resultOf, trimmed } from './generate.js';
import { directOutput, type Output, unlessRefusal } from './output.js';
import { QuotableTexts } from './quotable-text.js';
import { firstAnswer, planReadings, type Reading, readsSoftTokens } from './readings.js';
import { createSampler, type Sampler } from './sampler.js';

/** Tokens beyond a segment's own count that its restoration may take. */
const RESTORE_MARGIN = 16;
/** Tokens that quotes and templates may take beyond the sum of theirs, where they meet. */
const SEAM_TOKENS = 4;
/** Of an answer that is none. */
const NO_SUPPORT: AnswerSupport = { source: undefined, parts: [], isSupported: false };

type GenerationJob = Job<GenerationEvent>;

export class Decoder {
  readonly #engine: Engine;
  readonly #tokenizer: Tokenizer;
  readonly #config: ModelConfig;
  readonly #graph: DecoderGraph;
  readonly #contexts: Contexts;
  readonly #texts = new QuotableTexts();
  /** One generation at a time: each holds a cache, and together they would finish no sooner. */
  #turn: Promise<unknown> = Promise.resolve();
  #disposed = false;

  private constructor(engine: Engine, tokenizer: Tokenizer, setup: DecoderSetup, graph: DecoderGraph) {
    const { config, device, kvCacheBytes } = setup;
    this.#engine = engine;
    this.#tokenizer = tokenizer;
    this.#config = config;
    this.#graph = graph;
    this.#contexts = new Contexts(graph, config.prefixIds, device, kvCacheBytes);
  }

  /**
   * The caller disposes it.
   * @param onSession called before each session is created
   * @throws GmsaError `BAD_MODEL`, `UNSUPPORTED`, `OUT_OF_MEMORY`
   */
  static async create(setup: DecoderSetup, onSession: (name: string) => void): Promise<Decoder> {
    const tokenizer = new Tokenizer(setup.tokenizer);
    const engine = await Engine.create(setup.device, setup.wasmPaths);
    try {
      const graph = await DecoderGraph.create(engine, setup, onSession);
      return new Decoder(engine, tokenizer, setup, graph);
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }

  /** Rejects once nothing can be run any more. */
  get failure(): Promise<never> {
    return this.#engine.failure;
  }

  /** Tokens of a text, as the compressor counts them. Here, since the compressor need not be loaded. */
  async countTokens(text: string, job: Job<never>): Promise<number> {
    let tokens = 0;
    const read = readingText(text).text;
    for await (const { ids } of textPieces(read, this.#tokenizer, this.#config, job)) tokens += ids.length;
    return tokens;
  }

  /**
   * Prefills segments of a context that is still being compressed, together with all others of it that have arrived
   * when its turn comes. A context whose earlier segments are not kept is left to the question.
   * @param first index of the first one
   */
  append(contextId: number, first: number, segments: readonly ContextSegment[]): Promise<void> {
    this.#contexts.arrive(contextId, first, segments);
    return this.#inTurn('prefilling the context', nextTask, () =>
      this.#contexts.prefillArrived(contextId, nextTask),
    );
  }

  /** Stops prefilling a context and frees what is kept of it. */
  forget(contextId: number): Promise<void> {
    this.#contexts.cancel(contextId);
    return this.#inTurn('freeing a context', nextTask, async () => {
      this.#contexts.drop(contextId);
      this.#texts.drop(contextId);
    });
  }

  /**
   * Answers a question about a context, from its soft tokens, from quotes, or from both.
   * @throws GmsaError `TOO_LONG` if soft tokens, question and answer exceed the window, whatever is read in the end
   */
  ask(
    context: ContextRequest,
    question: string,
    settings: AnswerSettings,
    job: GenerationJob,
  ): Promise<AnswerResult> {
    return this.#inTurn('answering the question', job.checkpoint, async () => {
      const started = performance.now();
      const { prefixIds, quoteTemplate = '', window, refusal } = this.#config;
      const segmentTokens = context.segments.map(({ tokens }) => tokens);
      const others = prefixIds.length + this.#promptIds(question).length + settings.maxNewTokens;
      const softTokens = context.segments.reduce((sum, segment) => sum + segment.softTokens, 0);
      checkFits({ segmentTokens, rate: context.rate, softTokens, others }, this.#config);

      const text = context.text === undefined ? undefined : this.#texts.of(context.contextId, context.text);
      const { readings, notes } = planReadings(
        {
          quotes: settings.quotes,
          text,
          question: readingText(question).text,
          count: this.#tokenizer.count,
          room: window - others - this.#tokenizer.count(quoteTemplate.replace('{quotes}', '')) - SEAM_TOKENS,
          softTokens,
        },
        this.#config,
      );
      let promptTokens = 0;
      const answer = await firstAnswer(readings, (reading, mayRefuse) => {
        const promptIds = this.#promptIds(question, reading);
        const read = async (cache: KeyValueCache, reusedTokens: number) => {
          promptTokens += cache.length - reusedTokens + promptIds.length;
          const keepBack = mayRefuse ? undefined : refusal;
          const generated = await this.#answer(cache, promptIds, settings, job, keepBack);
          return generated && { generated, reading, reusedTokens, cached: cache.length };
        };
        return readsSoftTokens(reading)
          ? this.#contexts.use(context, job.checkpoint, read)
          : this.#contexts.usePrefix(job.checkpoint, read);
      });
      const { generated, reading, reusedTokens, cached } = answer;
      const result = resultOf(started, [generated], {
        promptTokens,
        reading: reading.name,
        softTokens: cached - prefixIds.length,
        quotedTokens: reading.quotedTokens,
        notes,
        reusedTokens,
        reusedContext: reusedTokens === cached,
      });
      const said = this.#tokenizer.decode(result.tokenIds).trim();
      const support = text && (said === refusal ? NO_SUPPORT : text.support(said, reading.quotes));
      return { ...result, quotes: text?.inSource(reading.quotes, support ?? NO_SUPPORT) ?? [], support };
    });
  }

  /** Writes the text back, one segment after the other. */
  restore(
    context: ContextRequest,
    settings: RestorationSettings,
    job: GenerationJob,
  ): Promise<GenerationResult> {
    return this.#inTurn('restoring the text', job.checkpoint, async () => {
      const started = performance.now();
      const promptIds = this.#tokenizer.encode(this.#config.restoreInstruction);
      const sampler = createSampler(settings);
      if (settings.isWatched) job.emit({ type: 'prompt', ids: [...promptIds] });
      const generated: Generated[] = [];
      let promptTokens = 0;
      for (const segment of context.segments) {
        const { tokens, softTokens } = segment;
        const maxNewTokens = settings.maxNewTokens ?? tokens + RESTORE_MARGIN;
        const others = this.#config.prefixIds.length + promptIds.length + maxNewTokens;
        checkFits({ segmentTokens: [tokens], rate: context.rate, softTokens, others }, this.#config);
        const cache = await this.#contexts.prefillAlone(segment, job.checkpoint);
        try {
          const { minNewTokens } = settings;
          const size = { minNewTokens, maxNewTokens };
          const output = this.#output(settings, job);
          generated.push((await this.#generate(cache, promptIds, size, sampler, job, output))!);
          promptTokens += cache.length + promptIds.length;
        } finally {
          cache.dispose();
        }
        if (generated.at(-1)!.stoppedBy === 'criteria') break;
      }
      const softTokens = context.segments.reduce((sum, segment) => sum + segment.softTokens, 0);
      return resultOf(started, generated, {
        promptTokens,
        reading: 'soft',
        softTokens,
        quotedTokens: 0,
        notes: [],
        reusedTokens: 0,
        reusedContext: false,
      });
    });
  }

  /** Scores segments against their own texts, one after the other; emits each. */
  fidelity(segments: readonly ScoredSegment[], rate: number, job: Job<SegmentFidelity>): Promise<void> {
    return this.#inTurn('scoring the restoration', job.checkpoint, async () => {
      const score = this.#scorer(rate, job.checkpoint);
      for (const [index, segment] of segments.entries()) {
        const tokenIds: number[] = [];
        const read = readingText(segment.text).text;
        for await (const { ids } of textPieces(read, this.#tokenizer, this.#config, job)) {
          tokenIds.push(...ids);
        }
        checkTokens(index, segment.tokens, tokenIds);
        const logProbabilities = await score(segment, tokenIds);
        job.emit({ tokenIds, tokenTexts: this.#tokenizer.tokenTexts(tokenIds), logProbabilities });
      }
    });
  }

  /** Of each segment the mean negative log-likelihood of its tokens: what `fidelity` would say of it, for one number. */
  restorationLosses(
    segments: readonly TokenisedSegment[],
    rate: number,
    { checkpoint }: Job<never>,
  ): Promise<number[]> {
    return this.#inTurn('measuring the restoration', checkpoint, async () => {
      const score = this.#scorer(rate, checkpoint);
      const losses: number[] = [];
      for (const segment of segments) {
        const scores = await score(segment, segment.ids);
        losses.push(scores.reduce((sum, value) => sum - value, 0) / scores.length);
      }
      return losses;
    });
  }

  /** The original prompt: the text itself in place of its soft tokens. */
  askFullText(
    text: string,
    question: string,
    settings: GenerationSettings,
    job: GenerationJob,
  ): Promise<GenerationResult> {
    return this.#inTurn('answering from the full text', job.checkpoint, async () => {
      const started = performance.now();
      const { prefixIds, window } = this.#config;
      const promptIds = [
        ...prefixIds,
        ...this.#tokenizer.encode(readingText(text).text),
        ...this.#promptIds(question),
      ];
      const needed = promptIds.length + settings.maxNewTokens;
      if (needed > window) {
        throw new GmsaError(
          'TOO_LONG',
          `The full prompt and its answer take ${needed} positions. The limit is ${window}.`,
          'Shorten the text, or compress it and ask about the compressed text.',
        );
      }
      const generated = await this.#answer(this.#graph.emptyCache(), promptIds, settings, job);
      return resultOf(started, [generated!], {
        promptTokens: promptIds.length,
        reading: 'whole',
        softTokens: 0,
        quotedTokens: 0,
        notes: [],
        reusedTokens: 0,
        reusedContext: false,
      });
    });
  }

  /** Releases caches, sessions and device. Twice is harmless. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#turn;
    this.#contexts.dispose();
    await this.#graph.release();
    this.#engine.dispose();
  }

  #inTurn<T>(doing: string, checkpoint: Checkpoint, work: () => Promise<T>): Promise<T> {
    const result = this.#turn
      .then(checkpoint)
      .then(work)
      .catch((error: unknown) => {
        throw this.#engine.explain(error, doing);
      });
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Gives log-probabilities of a segment's own tokens, from its soft tokens alone. */
  #scorer(rate: number, checkpoint: Checkpoint) {
    const promptIds = this.#tokenizer.encode(this.#config.restoreInstruction);
    return async (soft: Omit<ContextSegment, 'tokens'>, tokenIds: readonly number[]) => {
      const others = this.#config.prefixIds.length + promptIds.length + tokenIds.length;
      const { softTokens } = soft;
      checkFits({ segmentTokens: [tokenIds.length], rate, softTokens, others }, this.#config);
      const cache = await this.#contexts.prefillAlone(soft, checkpoint);
      try {
        return await scoreTokens(this.#graph, cache, promptIds, tokenIds, checkpoint);
      } finally {
        cache.dispose();
      }
    };
  }

  /** Everything behind the soft tokens, in one piece. */
  #promptIds(question: string, { quoted }: Pick<Reading, 'quoted'> = { quoted: '' }): number[] {
    const { quoteTemplate, questionTemplate } = this.#config;
    // Functions: in a replacement string, `$` has a meaning of its own.
    const quotes = quoted === '' ? '' : (quoteTemplate ?? '').replace('{quotes}', () => quoted);
    return this.#tokenizer.encode(
      quotes + questionTemplate.replace('{question}', () => readingText(question).text),
    );
  }

  /**
   * Answers after the prompt, on top of a cache.
   * @param refusal where another reading may follow: gives undefined if this is the answer, and tells the page nothing
   */
  async #answer(
    cache: KeyValueCache,
    promptIds: readonly number[],
    settings: GenerationSettings,
    job: GenerationJob,
    refusal?: string,
  ): Promise<Generated | undefined> {
    const open = () => {
      if (settings.isWatched) job.emit({ type: 'prompt', ids: [...promptIds] });
      return this.#output(settings, job, trimmed);
    };
    const output =
      refusal === undefined ? open() : unlessRefusal(refusal, open, (write) => this.#tokenizer.stream(write));
    return this.#generate(cache, promptIds, settings, createSampler(settings), job, output);
  }

  /** Tells the page of a text in chunks, and of each token if the page watches. */
  #output(
    { isWatched }: RestorationSettings,
    job: GenerationJob,
    filter: (write: (chunk: string) => void) => (chunk: string) => void = (write) => write,
  ): Output {
    return directOutput(this.#tokenizer.stream(filter((text) => job.emit({ type: 'text', text }))), (id) =>
      isWatched ? job.request<boolean>({ type: 'token', id }) : false,
    );
  }

  /** Generates after the prompt, on top of a cache; undefined if the output kept the text back. */
  async #generate(
    cache: KeyValueCache,
    promptIds: readonly number[],
    { minNewTokens, maxNewTokens }: Pick<GenerationSettings, 'minNewTokens' | 'maxNewTokens'>,
    sampler: Sampler,
    { checkpoint }: GenerationJob,
    output: Output,
  ): Promise<Generated | undefined> {
    const { endIds } = this.#config;
    const generated = await generate(this.#graph, cache, promptIds, {
      minNewTokens,
      maxNewTokens,
      endIds,
      sampler,
      checkpoint,
      onToken: output.put,
    });
    const stoppedBy = await output.end(generated.stoppedBy);
    return stoppedBy && { ...generated, tokenIds: [...output.ids], stoppedBy };
  }
}
