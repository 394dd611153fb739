// The compressor's worker. Owns its ONNX Runtime and GPUDevice.
import { expose } from 'comlink';
import '../error-transfer.js';
import { toGmsaError } from '../errors.js';
import { serveJob } from '../job.js';
import type { CompressEvent, CompressorApi, SessionEvent } from '../protocol.js';
import { Compressor } from './compressor.js';

let compressor: Compressor | undefined;

const api: CompressorApi = {
  load: (setup, port) =>
    serveJob<SessionEvent, void>(port, async (job) => {
      compressor = await Compressor.create(setup, (name) => job.emit({ name }));
    }).catch(rethrow('loading the compressor')),
  countTokens: async (text) => compressor!.countTokens(text),
  compress: (text, rate, port) =>
    serveJob<CompressEvent, void>(port, (job) => compressor!.compress(text, rate, job)).catch(
      rethrow('compressing the text'),
    ),
  dispose: async () => {
    await compressor?.dispose();
    compressor = undefined;
  },
};

function rethrow(doing: string) {
  return (error: unknown): never => {
    throw toGmsaError(error, doing);
  };
}

expose(api);
