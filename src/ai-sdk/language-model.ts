import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3FinishReason,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
  SharedV3Warning,
} from '@ai-sdk/provider';
import type { CompressedContext } from '../context/compressed-context.js';
import type { Compression } from '../context/compression.js';
import { GmsaError } from '../errors.js';
import type { AskOptions } from '../generation/options.js';
import type { TextStream } from '../generation/text-stream.js';
import type { Gmsa } from '../gmsa.js';
import type { GenerationStats } from '../workers/decoder/api.js';
import { readPrompt, unsupported } from './prompt.js';

export interface LanguageModelOptions {
  /**
   * What is asked about; a text is compressed by the first call. Without it each prompt has to bring its text, as a file
   * of type text/plain; such a file takes the place of the context.
   */
  context?: CompressedContext | Compression | string;
  /** At which texts are compressed. Default: the model's own. */
  rate?: number;
}

/** Compressed texts that are kept, so that a chat about a file compresses it once. */
const KEPT_TEXTS = 4;

/**
 * A loaded model as a language model of the Vercel AI SDK (specification version 3: AI SDK 6 and later), for
 * `generateText` and `streamText`. The last message of a prompt is the question. What the model cannot do, such as
 * tools, is reported as a warning. Aborts reject with the signal's reason; other errors are `GmsaError`s.
 * @param gmsa stays the caller's to dispose
 */
export function languageModel(gmsa: Gmsa, { context, rate }: LanguageModelOptions = {}): LanguageModelV3 {
  const compressed = new Map<string, CompressedContext>();

  async function contextOf(text: string, signal: AbortSignal): Promise<CompressedContext> {
    const kept =
      compressed.get(text) ??
      (await gmsa.compress(text, { signal, ...(rate === undefined ? {} : { rate }) }));
    compressed.delete(text); // and to the end: used last
    compressed.set(text, kept);
    if (compressed.size > KEPT_TEXTS) compressed.delete(compressed.keys().next().value!);
    return kept;
  }

  async function start(
    call: LanguageModelV3CallOptions,
    signal: AbortSignal,
  ): Promise<{ answer: TextStream; warnings: SharedV3Warning[] }> {
    const { question, document, warnings } = readPrompt(call.prompt);
    const about = document ?? context;
    if (about === undefined) {
      throw new GmsaError(
        'BAD_INPUT',
        'There is no text to answer from.',
        'Pass a context to languageModel(), or add a text/plain file to the prompt.',
      );
    }
    const target = typeof about === 'string' ? await contextOf(about, signal) : about;
    return {
      answer: gmsa.ask(target, question, askOptions(call, signal)),
      warnings: [...warnings, ...unusedSettings(call)],
    };
  }

  return {
    specificationVersion: 'v3',
    provider: 'gmsa-web',
    modelId: gmsa.model.name,
    supportedUrls: {},

    async doGenerate(call) {
      const { answer, warnings } = await start(call, signalOf(call));
      const text = await answer.text();
      const stats = await answer.stats;
      return {
        content: [{ type: 'text', text }],
        finishReason: finishReason(stats),
        usage: usage(stats),
        response: { modelId: gmsa.model.name },
        warnings,
      };
    },

    async doStream(call) {
      const cancelled = new AbortController();
      const signal = AbortSignal.any([signalOf(call), cancelled.signal]);
      const { answer, warnings } = await start(call, signal);
      const parts = streamParts(answer, warnings, gmsa.model.name);
      return {
        stream: new ReadableStream({
          async pull(controller) {
            try {
              const { done, value } = await parts.next();
              if (done) controller.close();
              else controller.enqueue(value);
            } catch (error) {
              controller.error(error);
            }
          },
          cancel: (reason) => cancelled.abort(reason),
        }),
      };
    },
  };
}

/** Errors are a part, as the AI SDK wants them; an abort ends the stream. */
async function* streamParts(
  answer: TextStream,
  warnings: SharedV3Warning[],
  modelId: string,
): AsyncGenerator<LanguageModelV3StreamPart> {
  yield { type: 'stream-start', warnings };
  yield { type: 'response-metadata', modelId };
  const id = 'answer';
  yield { type: 'text-start', id };
  try {
    for await (const delta of answer) yield { type: 'text-delta', id, delta };
  } catch (error) {
    if (!(error instanceof GmsaError)) throw error;
    yield { type: 'error', error };
    yield { type: 'finish', finishReason: { unified: 'error', raw: error.code }, usage: UNKNOWN_USAGE };
    return;
  }
  yield { type: 'text-end', id };
  const stats = await answer.stats;
  yield { type: 'finish', finishReason: finishReason(stats), usage: usage(stats) };
}

const signalOf = ({ abortSignal }: LanguageModelV3CallOptions): AbortSignal =>
  abortSignal ?? new AbortController().signal;

/** Without a temperature the answer is the most probable one; a seed alone changes nothing. */
function askOptions(call: LanguageModelV3CallOptions, signal: AbortSignal): AskOptions {
  const { maxOutputTokens: maxNewTokens, temperature = 0, topK, topP, seed } = call;
  const settings = { maxNewTokens, temperature, topK, topP, seed };
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return { signal, ...Object.fromEntries(given) };
}

function unusedSettings(call: LanguageModelV3CallOptions): SharedV3Warning[] {
  const warnings: SharedV3Warning[] = [];
  for (const setting of ['presencePenalty', 'frequencyPenalty'] as const) {
    if (call[setting]) warnings.push(unsupported(setting, 'Token probabilities are not adjusted.'));
  }
  if (!call.temperature) {
    for (const setting of ['topP', 'topK', 'seed'] as const) {
      if (call[setting])
        warnings.push(unsupported(setting, 'Without a temperature, the most likely answer is given.'));
    }
  }
  if (call.stopSequences?.length) {
    warnings.push(unsupported('stopSequences', 'The model decides where the answer ends.'));
  }
  if (call.tools?.length) warnings.push(unsupported('tools', 'The model answers with text only.'));
  if (call.responseFormat?.type === 'json') {
    warnings.push(unsupported('responseFormat', 'The model answers in plain text.'));
  }
  return warnings;
}

const finishReason = ({ stoppedBy }: GenerationStats): LanguageModelV3FinishReason => ({
  unified: stoppedBy === 'length' ? 'length' : 'stop',
  raw: stoppedBy,
});

/** A kept context counts as read from the cache. */
function usage(stats: GenerationStats): LanguageModelV3Usage {
  const { promptTokens: noCache, reusedTokens: cacheRead, newTokens } = stats;
  return {
    inputTokens: { total: noCache + cacheRead, noCache, cacheRead, cacheWrite: undefined },
    outputTokens: { total: newTokens, text: newTokens, reasoning: undefined },
    raw: { ...stats },
  };
}

const UNKNOWN_USAGE: LanguageModelV3Usage = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};
