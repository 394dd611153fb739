// Worker only. What both workers stand on: ONNX Runtime's queue and, on WebGPU, the GPUDevice that its sessions and
// our kernels share. The page never sees a GPU object.
import { GmsaError, toGmsaError } from '../errors.js';
import type { ConcreteDevice, WasmPaths } from '../protocol.js';
import { createGpuDevice } from './gpu-device.js';
import { loadOrt } from './ort.js';
import { OrtQueue } from './ort-queue.js';

export class Engine {
  readonly queue = new OrtQueue();
  /** Undefined on wasm. Owned by the engine. */
  readonly device: GPUDevice | undefined;
  /** Why nothing can be run any more. */
  #failure: GmsaError | undefined;
  #disposed = false;

  private constructor(device: GPUDevice | undefined) {
    this.device = device;
    device?.lost.then(({ message, reason }) => {
      const why = [reason, message].filter(Boolean).join(': ');
      this.#fail('DEVICE_LOST', `The GPU device was lost (${why}).`);
    });
    device?.addEventListener('uncapturederror', (event) => {
      // WebGPU reports this beside the call, which goes on with invalid buffers.
      const { error } = event as GPUUncapturedErrorEvent;
      if (error instanceof GPUOutOfMemoryError) {
        this.#fail('OUT_OF_MEMORY', `The GPU is out of memory: ${error.message}`);
      }
    });
  }

  /** The caller disposes it. */
  static async create(device: ConcreteDevice, wasmPaths?: WasmPaths): Promise<Engine> {
    await loadOrt(wasmPaths);
    return new Engine(device === 'webgpu' ? await createGpuDevice() : undefined);
  }

  /** An error as the caller should see it: a lost device explains whatever failed after it. */
  explain(error: unknown, doing: string): unknown {
    return this.#failure ?? toGmsaError(error, doing);
  }

  /** Release the sessions first. Twice is harmless. */
  dispose(): void {
    this.#disposed = true;
    this.device?.destroy();
  }

  #fail(code: 'DEVICE_LOST' | 'OUT_OF_MEMORY', message: string): void {
    if (this.#disposed || this.#failure) return;
    this.#failure = new GmsaError(
      code,
      message,
      'Load the model again with Gmsa.load(); if it happens again, free GPU memory or use a shorter text.',
    );
    this.queue.close(this.#failure);
  }
}
