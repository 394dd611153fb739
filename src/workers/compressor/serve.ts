// Worker only. What the compressor's worker answers.

import { serveWorker } from '../../rpc/serve-worker.js';
import type { CompressorSetup } from '../setup.js';
import type { CompressEvent, CompressorApi } from './api.js';
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
