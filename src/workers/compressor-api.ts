// Worker only. What the compressor's worker answers.
import type { CompressEvent, CompressorApi, CompressorSetup } from '../protocol.js';
import { Compressor } from './compressor.js';
import { serveWorker } from './serve.js';

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
