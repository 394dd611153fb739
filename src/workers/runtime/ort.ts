// Worker only. The one ONNX Runtime of a worker, for both devices: the JSPI build where the browser has it (smaller,
// quicker to load), else the asyncify build. Tensors of one build are not those of the other, so both come from here, and
// only once loadOrt is done.
import type * as Ort from 'onnxruntime-web';
import { hasJspi, type WasmPaths } from '../setup.js';

export type InferenceSession = Ort.InferenceSession;
export type SessionOptions = Ort.InferenceSession.SessionOptions;
export type Tensor = Ort.Tensor;

export let InferenceSession: Ort.InferenceSessionFactory;
export let Tensor: Ort.TensorConstructor & Ort.TensorFactory;

let loading: Promise<typeof Ort> | undefined;

/**
 * Call before the first session or tensor; the first call decides which build it is. Without paths the wasm comes from
 * beside the worker.
 */
export async function loadOrt(wasmPaths: WasmPaths | undefined): Promise<void> {
  const jspi = usesJspi(wasmPaths);
  loading ??= jspi ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu');
  const ort = await loading;
  ort.env.wasm.wasmPaths = jspi && typeof wasmPaths === 'object' ? wasmPaths.jspi : wasmPaths;
  ort.env.logLevel = 'error';
  // Not by destructuring: Turbopack (Next 16.4) then exports both as they are at first, undefined.
  InferenceSession = ort.InferenceSession;
  Tensor = ort.Tensor;
}

/** Paths that name no file of the JSPI build are those of the other. */
function usesJspi(wasmPaths: WasmPaths | undefined): boolean {
  return hasJspi() && (typeof wasmPaths !== 'object' || wasmPaths.jspi !== undefined);
}
