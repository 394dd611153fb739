// Worker only. The one ONNX Runtime of a worker: the build that transformers.js uses too, for both devices.
import * as ort from 'onnxruntime-web/webgpu';
import type { WasmPaths } from '../protocol.js';

export { InferenceSession, Tensor } from 'onnxruntime-web/webgpu';

/**
 * Call before the first session. transformers.js, when imported, points ONNX Runtime at files on a public CDN; this
 * takes that back, so that the wasm comes from beside the worker or from where the caller said.
 */
export function configureOrt(wasmPaths: WasmPaths | undefined): void {
  ort.env.wasm.wasmPaths = wasmPaths;
  ort.env.logLevel = 'error';
}
