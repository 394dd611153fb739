// Worker only. The one ONNX Runtime of a worker, for both devices: the JSPI build where the browser has it (smaller,
// quicker to load), else the asyncify build. Tensors of one build are not those of the other, so both come from here, and
// only once loadOrt is done.
import type * as Ort from 'onnxruntime-web';
import { float16FromFloat32, float32FromFloat16 } from '../../utils/float16.js';
import { hasJspi, type WasmPaths } from '../setup.js';
import type { SoftTokenData } from '../soft-tokens.js';

export type InferenceSession = Ort.InferenceSession;
export type SessionOptions = Ort.InferenceSession.SessionOptions;
export type Tensor = Ort.Tensor;
/** Of a graph's `float` inputs and outputs. */
export type FloatType = 'float32' | 'float16';

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

/** int64 [rows.length, width], each row padded on the right with zeros. */
export function idTensor(rows: readonly (readonly number[])[], width: number): Tensor {
  const data = new BigInt64Array(rows.length * width);
  rows.forEach((row, i) => {
    row.forEach((id, j) => {
      data[i * width + j] = BigInt(id);
    });
  });
  return new Tensor('int64', data, [rows.length, width]);
}

/** int64 [lengths.length, width]: ones for a row's own positions, zeros for its padding. */
export function maskTensor(lengths: readonly number[], width: number): Tensor {
  const data = new BigInt64Array(lengths.length * width);
  lengths.forEach((length, i) => {
    data.fill(1n, i * width, i * width + length);
  });
  return new Tensor('int64', data, [lengths.length, width]);
}

/** Values in the graph's own float type; the soft tokens may come from a model of the other type. */
export function floatTensor(type: FloatType, data: SoftTokenData, dims: readonly number[]): Tensor {
  if (type === 'float32') {
    return new Tensor('float32', data instanceof Float32Array ? data : float32FromFloat16(data), dims);
  }
  return new Tensor('float16', data instanceof Uint16Array ? data : float16FromFloat32(data), dims);
}

/** A view of a CPU tensor's values: f16 as bits, whether or not the browser has Float16Array. */
export function valuesOf(tensor: Tensor): SoftTokenData {
  const { data } = tensor;
  if (data instanceof Float32Array) return data as Float32Array<ArrayBuffer>;
  const { buffer, byteOffset, byteLength } = data as Uint16Array<ArrayBuffer>;
  return new Uint16Array(buffer, byteOffset, byteLength / 2);
}
