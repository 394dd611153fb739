// The compressor's worker. Owns its ONNX Runtime and GPUDevice.
import { expose } from 'comlink';
import { compressorApi } from './compressor-api.js';

expose(compressorApi());
