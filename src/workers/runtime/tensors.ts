// Worker only. Between plain arrays and ONNX Runtime's tensors.

import { float16FromFloat32, float32FromFloat16 } from '../../utils/float16.js';
import type { SoftTokenData } from '../soft-tokens.js';
import type { FloatType } from './graph-session.js';
import { Tensor } from './ort.js';

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
