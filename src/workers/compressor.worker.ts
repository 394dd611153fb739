// The compressor's worker. Owns its ONNX Runtime and GPUDevice.
import { expose } from 'comlink';
import type { CompressEvent, CompressorApi, CompressorSetup } from '../protocol.js';
import { Compressor } from './compressor.js';
import { serveWorker } from './serve.js';

const { lifecycle, run } = serveWorker<CompressorSetup, Compressor>('compressor', Compressor.create);

const api: CompressorApi = {
  ...lifecycle,
  compress: (text, request, port) =>
    run<CompressEvent, void>(port, 'compressing the text', (compressor, job) =>
      compressor.compress(text, request, job),
    ),
};

expose(api);
