// Worker only. What both workers stand on: ONNX Runtime's queue and, on WebGPU, the GPUDevice that its sessions and
// our kernels share. The page never sees a GPU object.

import { FREE_MEMORY, GmsaError, toGmsaError } from '../../errors.js';
import { deferred } from '../../utils/deferred.js';
import type { ConcreteDevice, WasmPaths } from '../setup.js';
import { createGpuDevice } from './gpu-device.js';
import { loadOrt } from './ort.js';
import { OrtQueue } from './ort-queue.js';

export class Engine {
  readonly queue = new OrtQueue();
  /** Undefined on wasm. Owned by the engine. */
  readonly device: GPUDevice | undefined;
  /** Rejects once nothing can be run any more. */
  readonly failure: Promise<never>;
  readonly #fail: (reason: GmsaError) => void;
  #reason: GmsaError | undefined;
  readonly #disposal = new AbortController();

  private constructor(device: GPUDevice | undefined) {
    this.device = device;
    const { promise, reject } = deferred<never>();
    this.failure = promise;
    this.#fail = reject;
    promise.catch(() => {}); // the calls report it
    device?.lost.then(({ message, reason }) => {
      const why = [reason, message].filter(Boolean).join(': ');
      this.#end(
        'DEVICE_LOST',
        `The GPU device was lost (${why}).`,
        'Call again: the device and its sessions are recreated from the files that are already downloaded.',
      );
    });
    device?.addEventListener(
      'uncapturederror',
      (event) => {
        // WebGPU reports this beside the call, which goes on with invalid buffers.
        const { error } = event as GPUUncapturedErrorEvent;
        if (error instanceof GPUOutOfMemoryError) {
          this.#end('OUT_OF_MEMORY', `The GPU is out of memory: ${error.message}`, FREE_MEMORY);
        }
      },
      // ONNX Runtime never lets go of a device: it is not to keep the engine, and all that waits for its failure.
      { signal: this.#disposal.signal },
    );
  }

  /** The caller disposes it. */
  static async create(device: ConcreteDevice, wasmPaths?: WasmPaths): Promise<Engine> {
    await loadOrt(wasmPaths);
    return new Engine(device === 'webgpu' ? await createGpuDevice() : undefined);
  }

  /** An error as the caller should see it: a lost device explains whatever failed after it. */
  explain(error: unknown, doing: string): unknown {
    return this.#reason ?? toGmsaError(error, doing);
  }

  /** Release the sessions first. Twice is harmless. */
  dispose(): void {
    this.#disposal.abort();
    this.device?.destroy();
  }

  #end(code: 'DEVICE_LOST' | 'OUT_OF_MEMORY', message: string, fix: string): void {
    if (this.#disposal.signal.aborted || this.#reason) return;
    this.#reason = new GmsaError(code, message, fix);
    this.queue.close(this.#reason);
    this.#fail(this.#reason);
  }
}
