// The script of both workers: the page starts it twice and calls one interface in each. Bundlers build every worker
// script by itself, so two scripts would hold twice what both need. Each worker owns its ONNX Runtime and GPUDevice.
import { expose } from 'comlink';
import type { WorkerName } from '../rpc/worker-api.js';
import { compressorApi } from './compressor/serve.js';
import { decoderApi } from './decoder/serve.js';

expose({ compressor: compressorApi(), decoder: decoderApi() } satisfies Record<WorkerName, object>);
