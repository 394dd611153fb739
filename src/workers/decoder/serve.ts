// Worker only. What the decoder's worker answers.

import { serveWorker } from '../../rpc/serve-worker.js';
import type { DecoderSetup } from '../setup.js';
import type { AnswerResult, DecoderApi, GenerationEvent, GenerationResult, SegmentFidelity } from './api.js';
import { Decoder } from './decoder.js';

export function decoderApi(): DecoderApi {
  const { lifecycle, loaded, run } = serveWorker<DecoderSetup, Decoder>('decoder', Decoder.create);
  return {
    ...lifecycle,
    countTokens: (text, port) =>
      run<never, number>(port, 'counting tokens', (decoder, job) => decoder.countTokens(text, job)),
    append: async (contextId, first, segments) => loaded()?.append(contextId, first, segments),
    forget: async (contextId) => loaded()?.forget(contextId),
    ask: (context, question, settings, port) =>
      run<GenerationEvent, AnswerResult>(port, 'answering the question', (decoder, job) =>
        decoder.ask(context, question, settings, job),
      ),
    restore: (context, settings, port) =>
      run<GenerationEvent, GenerationResult>(port, 'restoring the text', (decoder, job) =>
        decoder.restore(context, settings, job),
      ),
    fidelity: (segments, rate, port) =>
      run<SegmentFidelity, void>(port, 'scoring the restoration', (decoder, job) =>
        decoder.fidelity(segments, rate, job),
      ),
    restorationLosses: (segments, rate, port) =>
      run<never, number[]>(port, 'measuring the restoration', (decoder, job) =>
        decoder.restorationLosses(segments, rate, job),
      ),
    askFullText: (text, question, settings, port) =>
      run<GenerationEvent, GenerationResult>(port, 'answering from the full text', (decoder, job) =>
        decoder.askFullText(text, question, settings, job),
      ),
  };
}
