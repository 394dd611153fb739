// Worker only. What one run of the decoder says about the next token. On WebGPU the logits stay on the GPU unless all
// of them are asked for.
import { notFinite } from '../../errors.js';
import { argmax } from '../../webgpu-kernels/argmax/dispatch.js';
import { type Argmax, argmaxReference } from '../../webgpu-kernels/argmax/reference.js';
import { readBack } from '../../webgpu-kernels/buffers.js';
import { logProbability } from '../../webgpu-kernels/log-probability/dispatch.js';
import { logProbabilityReference } from '../../webgpu-kernels/log-probability/reference.js';
import type { Tensor } from '../runtime/ort.js';

/** [K,V]; all but `logProbabilities` are for one position, [V]. */
export interface Logits {
  /**
   * The largest one's id; the lowest of equal ones.
   * @param masked ids that are passed over
   * @throws GmsaError `INTERNAL` if none is a finite number
   */
  argmax(masked: readonly number[]): Promise<number>;
  /**
   * Log-softmax, for each position at one id: its log-probability.
   * @param ids [K], one a position
   * @throws GmsaError `INTERNAL` if a logit is not finite
   */
  logProbabilities(ids: readonly number[]): Promise<Float32Array>;
  /** All; the caller's to change. */
  values(): Promise<Float32Array>;
  /** Twice is harmless. */
  dispose(): void;
}

/** Takes an output f32 [1,K,V] over. */
export function logitsOf(tensor: Tensor, device: GPUDevice | undefined): Logits {
  return device ? new GpuLogits(tensor, device) : new CpuLogits(tensor.data as Float32Array);
}

export class CpuLogits implements Logits {
  readonly #values: Float32Array;

  constructor(values: Float32Array) {
    this.#values = values;
  }

  async argmax(masked: readonly number[]): Promise<number> {
    return finiteId(argmaxReference(this.#values, masked));
  }

  async logProbabilities(ids: readonly number[]): Promise<Float32Array> {
    return finite(logProbabilityReference(this.#values, ids));
  }

  async values(): Promise<Float32Array> {
    return this.#values.slice();
  }

  dispose(): void {}
}

class GpuLogits implements Logits {
  readonly #tensor: Tensor;
  readonly #device: GPUDevice;
  #disposed = false;

  constructor(tensor: Tensor, device: GPUDevice) {
    this.#tensor = tensor;
    this.#device = device;
  }

  async argmax(masked: readonly number[]): Promise<number> {
    return finiteId(await argmax(this.#device, this.#buffer, this.#tensor.size, masked));
  }

  async logProbabilities(ids: readonly number[]): Promise<Float32Array> {
    return finite(await logProbability(this.#device, this.#buffer, this.#tensor.size / ids.length, ids));
  }

  async values(): Promise<Float32Array> {
    return new Float32Array(await readBack(this.#device, this.#buffer, 4 * this.#tensor.size));
  }

  dispose(): void {
    if (!this.#disposed) this.#tensor.dispose();
    this.#disposed = true;
  }

  get #buffer(): GPUBuffer {
    return this.#tensor.gpuBuffer as GPUBuffer;
  }
}

function finite(values: Float32Array | undefined): Float32Array {
  if (!values) throw notFinite('The decoder returned logits that are not finite');
  return values;
}

function finiteId(best: Argmax): number {
  if (!best.isFinite) throw notFinite('The decoder returned no finite logits');
  return best.id;
}
