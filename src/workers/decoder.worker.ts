// The decoder's worker. Owns its ONNX Runtime and GPUDevice.
import { expose } from 'comlink';
import '../error-transfer.js';
import { toGmsaError } from '../errors.js';
import { serveJob } from '../job.js';
import type { DecoderApi, GenerationResult, SessionEvent, TextEvent } from '../protocol.js';
import { Decoder } from './decoder.js';

let decoder: Decoder | undefined;

const generation = (port: MessagePort, work: Parameters<typeof serveJob<TextEvent, GenerationResult>>[1]) =>
  serveJob<TextEvent, GenerationResult>(port, work);

const api: DecoderApi = {
  load: (setup, port) =>
    serveJob<SessionEvent, void>(port, async (job) => {
      decoder = await Decoder.create(setup, (name) => job.emit({ name }));
    }).catch((error: unknown) => {
      throw toGmsaError(error, 'loading the decoder');
    }),
  append: (contextId, first, segments) => decoder!.append(contextId, first, segments),
  forget: (contextId) => decoder!.forget(contextId),
  ask: (context, question, length, port) =>
    generation(port, (job) => decoder!.ask(context, question, length, job)),
  restore: (context, maxNewTokens, port) =>
    generation(port, (job) => decoder!.restore(context, maxNewTokens, job)),
  askFullText: (text, question, length, port) =>
    generation(port, (job) => decoder!.askFullText(text, question, length, job)),
  dispose: async () => {
    await decoder?.dispose();
    decoder = undefined;
  },
};

expose(api);
