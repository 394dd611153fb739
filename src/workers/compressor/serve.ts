// Worker only. What the compressor's worker answers.
import type { CompressEvent, CompressorApi, CompressorSetup } from '../../protocol.js';
import { serveWorker } from '../../rpc/serve-worker.js';
import { Compressor } from './compressor.js';

export function compressorApi(): CompressorApi {
  const { lifecycle, run } = serveWorker<CompressorSetup, Compressor>('compressor', Compressor.create);
  return {
    ...lifecycle,
    compress: (text, request, port) =>
      run<CompressEvent, void>(port, 'compressing the text', (compressor, job) =>
        compressor.compress(text, request, job),
      ),
  };
}
