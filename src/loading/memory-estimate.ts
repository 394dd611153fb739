// What a loaded model takes, before anything is downloaded: from the manifest's sizes and the config's shapes.
import {
  COMPRESSOR_GRAPHS,
  type ConcreteDType,
  DECODER_GRAPHS,
  GRAPHS,
  type GraphName,
  type Manifest,
} from '../model-folder/manifest.js';
import type { ModelConfig } from '../model-folder/model-config.js';
import type { ConcreteDevice } from '../workers/setup.js';

/** In bytes. An estimate of what stays allocated; creating the sessions takes more for a moment. */
export interface MemoryEstimate {
  /** Of all graphs of both workers: GPU memory on WebGPU, wasm memory on wasm. */
  weights: number;
  /** Keys and values of one full window; contexts that are kept come on top (`kvCacheBytes`). */
  keyValueCache: number;
  /** Code and working memory of two ONNX Runtimes, roughly. */
  runtime: number;
  total: number;
  /** The largest single buffer, at most. */
  largestBuffer: number;
  /** The larger of the two workers, on wasm: each has an address space of its own. */
  largestWorker: number;
}

/** A round figure for a module of 17 to 27 MB, compiled, and what it computes in. */
const RUNTIME_BYTES_PER_WORKER = 64 * 2 ** 20;

const WORKERS: readonly (readonly GraphName[])[] = [COMPRESSOR_GRAPHS, DECODER_GRAPHS];

export function estimateMemory(
  { manifest, config }: { manifest: Manifest; config: ModelConfig },
  device: ConcreteDevice,
  dtype: ConcreteDType,
): MemoryEstimate {
  // fp32 graphs expand int4 data while their session is created; the shapes tell to what.
  const sizeOf = (name: GraphName) =>
    (dtype === 'fp32' && expandedBytes(config, name)) || storedBytes(manifest, dtype, name);
  const sum = (names: readonly GraphName[]) => names.reduce((total, name) => total + sizeOf(name), 0);
  const workers = WORKERS.map(sum);
  const weights = workers.reduce((total, bytes) => total + bytes, 0);
  const { layers, keyValueHeads, headDim, window } = config;
  const floatBytes = dtype === 'q4f16' ? 2 : 4;
  const keyValueBuffer = keyValueHeads * headDim * window * floatBytes;
  const keyValueCache = 2 * layers * keyValueBuffer;
  const runtime = RUNTIME_BYTES_PER_WORKER * WORKERS.length;
  const largestFile = Math.max(
    ...GRAPHS.flatMap((name) => manifest.dtypes[dtype]![name].data.map((path) => bytesOf(manifest, path))),
  );
  return {
    weights,
    keyValueCache,
    runtime,
    total: weights + keyValueCache + runtime,
    largestBuffer: Math.max(largestFile, keyValueBuffer),
    largestWorker:
      device === 'wasm' ? Math.max(workers[0]!, workers[1]! + keyValueCache) + runtime / WORKERS.length : 0,
  };
}

const bytesOf = (manifest: Manifest, path: string) => manifest.files.get(path)?.bytes ?? 0;

function storedBytes(manifest: Manifest, dtype: ConcreteDType, name: GraphName): number {
  return manifest.dtypes[dtype]![name].data.reduce((total, path) => total + bytesOf(manifest, path), 0);
}

/** Undefined if config.json does not give the shapes. */
function expandedBytes(config: ModelConfig, name: GraphName): number | undefined {
  const { hiddenSize, heads, keyValueHeads, headDim, intermediateSize, vocabSize } = config;
  const { layers, encoderLayers, lsaLayers } = config;
  if (!intermediateSize || !vocabSize || !encoderLayers || !lsaLayers) return undefined;
  const layer = hiddenSize * (2 * headDim * (heads + keyValueHeads) + 3 * intermediateSize);
  const parameters = {
    embed_tokens: vocabSize * hiddenSize,
    encoder_model: encoderLayers * layer,
    lsa: lsaLayers * layer,
    decoder_model_merged: layers * layer + vocabSize * hiddenSize,
  };
  return 4 * parameters[name];
}
