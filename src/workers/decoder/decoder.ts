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
import { createSampler } from './sampler.js';

/** Tokens beyond a segment's own count that its restoration may take. */
const RESTORE_MARGIN = 16;

type GenerationJob = Job<GenerationEvent>;

export class Decoder {
  readonly #engine: Engine;
  readonly #tokenizer: Tokenizer;
  readonly #config: ModelConfig;
  readonly #graph: DecoderGraph;
  readonly #contexts: Contexts;
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
    return this.#inTurn('freeing a context', nextTask, async () => this.#contexts.drop(contextId));
  }

  /**
   * Answers a question about a context.
   * @throws GmsaError `TOO_LONG` if context, question and answer exceed the window
   */
  ask(
    context: ContextRequest,
    question: string,
    settings: GenerationSettings,
    job: GenerationJob,
  ): Promise<GenerationResult> {
    return this.#inTurn('answering the question', job.checkpoint, async () => {
      const started = performance.now();
      const promptIds = this.#questionIds(question);
      const segmentTokens = context.segments.map(({ tokens }) => tokens);
      const others = this.#config.prefixIds.length + promptIds.length + settings.maxNewTokens;
      const softTokens = context.segments.reduce((sum, segment) => sum + segment.softTokens, 0);
      checkFits({ segmentTokens, rate: context.rate, softTokens, others }, this.#config);

      return this.#contexts.use(context, job.checkpoint, async (cache, reusedTokens) => {
        const generated = await this.#writer(promptIds, settings, job, trimmed)(cache, settings.maxNewTokens);
        return resultOf(started, [generated], {
          promptTokens: cache.length - reusedTokens + promptIds.length,
          softTokens: cache.length - this.#config.prefixIds.length,
          reusedTokens,
          reusedContext: reusedTokens === cache.length,
        });
      });
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
      const writer = this.#writer(promptIds, settings, job);
      const generated: Generated[] = [];
      let promptTokens = 0;
      for (const segment of context.segments) {
        const { tokens, softTokens } = segment;
        const maxNewTokens = settings.maxNewTokens ?? tokens + RESTORE_MARGIN;
        const others = this.#config.prefixIds.length + promptIds.length + maxNewTokens;
        checkFits({ segmentTokens: [tokens], rate: context.rate, softTokens, others }, this.#config);
        const cache = await this.#contexts.prefillAlone(segment, job.checkpoint);
        try {
          generated.push(await writer(cache, maxNewTokens));
          promptTokens += cache.length + promptIds.length;
        } finally {
          cache.dispose();
        }
        if (generated.at(-1)!.stoppedBy === 'criteria') break;
      }
      const softTokens = context.segments.reduce((sum, segment) => sum + segment.softTokens, 0);
      return resultOf(started, generated, {
        promptTokens,
        softTokens,
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
        ...this.#questionIds(question),
      ];
      const needed = promptIds.length + settings.maxNewTokens;
      if (needed > window) {
        throw new GmsaError(
          'TOO_LONG',
          `The full prompt and its answer take ${needed} positions. The limit is ${window}.`,
          'Shorten the text, or compress it and ask about the compressed text.',
        );
      }
      const generated = await this.#writer(
        promptIds,
        settings,
        job,
        trimmed,
      )(this.#graph.emptyCache(), settings.maxNewTokens);
      return resultOf(started, [generated], {
        promptTokens: promptIds.length,
        softTokens: 0,
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

  #questionIds(question: string): number[] {
    // A function: in a replacement string, `$` has a meaning of its own.
    return this.#tokenizer.encode(
      this.#config.questionTemplate.replace('{question}', () => readingText(question).text),
    );
  }

  /** Generates after the prompt, on top of a cache; what is told to the page goes on from one cache to the next. */
  #writer(
    promptIds: readonly number[],
    settings: RestorationSettings,
    job: GenerationJob,
    filter: (write: (chunk: string) => void) => (chunk: string) => void = (write) => write,
  ): (cache: KeyValueCache, maxNewTokens: number) => Promise<Generated> {
    const sampler = createSampler(settings);
    if (settings.isWatched) job.emit({ type: 'prompt', ids: [...promptIds] });
    return async (cache, maxNewTokens) => {
      const stream = this.#tokenizer.stream(filter((text) => job.emit({ type: 'text', text })));
      const generated = await generate(this.#graph, cache, promptIds, {
        minNewTokens: settings.minNewTokens,
        maxNewTokens,
        endIds: this.#config.endIds,
        sampler,
        checkpoint: job.checkpoint,
        onToken: (id) => {
          stream.put(id);
          return settings.isWatched ? job.request<boolean>({ type: 'token', id }) : false;
        },
      });
      stream.end();
      return generated;
    };
  }
}
