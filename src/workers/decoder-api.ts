// Worker only. What the decoder's worker answers.
import type { DecoderApi, DecoderSetup, GenerationResult, TextEvent } from '../protocol.js';
import { Decoder } from './decoder.js';
import { serveWorker } from './serve.js';

export function decoderApi(): DecoderApi {
  const { lifecycle, loaded, run } = serveWorker<DecoderSetup, Decoder>('decoder', Decoder.create);
  return {
    ...lifecycle,
    countTokens: (text, port) =>
      run<never, number>(port, 'counting tokens', (decoder, job) => decoder.countTokens(text, job)),
    append: async (contextId, first, segments) => loaded()?.append(contextId, first, segments),
    forget: async (contextId) => loaded()?.forget(contextId),
    ask: (context, question, length, port) =>
      run<TextEvent, GenerationResult>(port, 'answering the question', (decoder, job) =>
        decoder.ask(context, question, length, job),
      ),
    restore: (context, maxNewTokens, port) =>
      run<TextEvent, GenerationResult>(port, 'restoring the text', (decoder, job) =>
        decoder.restore(context, maxNewTokens, job),
      ),
    askFullText: (text, question, length, port) =>
      run<TextEvent, GenerationResult>(port, 'answering from the full text', (decoder, job) =>
        decoder.askFullText(text, question, length, job),
      ),
  };
}
