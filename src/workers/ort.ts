// Worker only. The one ONNX Runtime of a worker: one build for both devices, the one that transformers.js uses too.
import * as ort from 'onnxruntime-web/webgpu';
import type { WasmPaths } from '../protocol.js';

export { InferenceSession, Tensor } from 'onnxruntime-web/webgpu';

/** Call before the first session. Without paths the wasm comes from beside the worker. */
export function configureOrt(wasmPaths: WasmPaths | undefined): void {
  ort.env.wasm.wasmPaths = wasmPaths;
  ort.env.logLevel = 'error';
}
