// The decoder's worker. Owns its ONNX Runtime and GPUDevice.
import { expose } from 'comlink';
import { decoderApi } from './decoder-api.js';

expose(decoderApi());
