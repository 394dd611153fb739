// What the page decides about a worker before it starts: device, runtime files, graphs.
import type { COMPRESSOR_GRAPHS, DECODER_GRAPHS } from '../model-folder/manifest.js';
import type { ModelConfig } from '../model-folder/model-config.js';
import type { GraphBlobs, TokenizerFiles } from '../model-folder/model-files.js';

export type ConcreteDevice = 'webgpu' | 'wasm';

/** The GPU in use, as the browser describes it; parts it keeps to itself are empty. */
export interface AdapterDescription {
  vendor: string;
  architecture: string;
  description: string;
  /** Whether shaders can use 16-bit floats. */
  f16: boolean;
}

/** URLs of the files of one build of ONNX Runtime. */
export interface WasmFiles {
  wasm?: string;
  mjs?: string;
}

/**
 * Where ONNX Runtime finds its wasm. Unset: beside the bundled worker. A string: the URL of a folder with the files of
 * both builds, `ort-wasm-simd-threaded.{jspi,asyncify}.{mjs,wasm}`. An object: the URLs of the asyncify build's files,
 * which runs everywhere, and under `jspi` those of the build for browsers with `WebAssembly.Suspending`, which is not
 * used without.
 */
export type WasmPaths = string | (WasmFiles & { jspi?: WasmFiles });

/** Whether WebAssembly can wait for promises here (JSPI). */
export const hasJspi = (): boolean => typeof WebAssembly !== 'undefined' && 'Suspending' in WebAssembly;

interface WorkerSetup {
  device: ConcreteDevice;
  config: ModelConfig;
  tokenizer: TokenizerFiles;
  wasmPaths?: WasmPaths;
}

export interface CompressorSetup extends WorkerSetup {
  graphs: Record<(typeof COMPRESSOR_GRAPHS)[number], GraphBlobs>;
}

export interface DecoderSetup extends WorkerSetup {
  graphs: Record<(typeof DECODER_GRAPHS)[number], GraphBlobs>;
  /** For the KV caches that are kept; unset: a default of the device. */
  kvCacheBytes?: number;
}
