// Downloads a model and starts its workers.

import { GmsaError } from '../errors.js';
import type { CacheOption } from '../model-folder/file-store.js';
import { KeptFiles } from '../model-folder/kept-files.js';
import { COMPRESSOR_GRAPHS, type ConcreteDType, DECODER_GRAPHS, GRAPHS } from '../model-folder/manifest.js';
import { type ModelFolder, openModelFolder } from '../model-folder/model-folder.js';
import type { DownloadProgress } from '../model-folder/progress.js';
import { checkOptions } from '../options.js';
import type { SessionEvent, WorkerName } from '../rpc/worker-api.js';
import { WorkerHost } from '../rpc/worker-host.js';
import { unlessAborted } from '../utils/unless-aborted.js';
import type { CompressorApi } from '../workers/compressor/api.js';
import type { DecoderApi } from '../workers/decoder/api.js';
import type { CompressorSetup, ConcreteDevice, DecoderSetup, WasmPaths } from '../workers/setup.js';
import { startWorker } from '../workers/start-worker.js';
import { type AdapterProbe, chooseRuntime, type Device, type DType, probeAdapter } from './device-choice.js';

/** Progress of loading: the files, then each session as its creation begins, then ready. */
export type LoadProgress = DownloadProgress | { status: 'session'; name: string } | { status: 'ready' };

export interface LoadOptions {
  /** Default 'auto': WebGPU if there is a real GPU, else wasm. */
  device?: Device;
  /** Default 'auto': the best that device and model folder have in common. */
  dtype?: DType;
  signal?: AbortSignal;
  onProgress?: (progress: LoadProgress) => void;
  /**
   * Memory for the KV caches of contexts, in bytes. With its cache kept, a further question about a context is cheap;
   * the caches used longest ago are freed first, and filled again when needed. 0 keeps none. Default: 512 MiB on WebGPU,
   * 384 MiB on wasm.
   */
  kvCacheBytes?: number;
  /** @deprecated Renamed to `kvCacheBytes`. This name works until version 0.3. */
  keyValueBudgetBytes?: number;
  /**
   * Where the model's files are kept for the next visit. Default: the Cache API, or memory where there is none; false:
   * nowhere.
   */
  cache?: CacheOption;
  /** Where ONNX Runtime's wasm is served from; needed only where a bundler did not bring it along. */
  wasmPaths?: WasmPaths;
  /**
   * 'on-demand': loads the decoder alone, enough to ask about saved contexts; the first `compress` brings the encoder's
   * files and worker, and `onProgress` hears of it. Default 'eager'.
   */
  encoder?: 'eager' | 'on-demand';
  /**
   * How to start a worker, for pages whose bundler or origin cannot do it from this module's URL: a new one of
   * `gmsa-web/worker` at each call. Both workers run that script; `name` says which one it will be.
   */
  worker?: (name: WorkerName) => Worker;
}

/** A model on its device. The caller disposes both hosts. */
export interface LoadedModel {
  compressor: WorkerHost<CompressorSetup, CompressorApi>;
  decoder: WorkerHost<DecoderSetup, DecoderApi>;
  folder: ModelFolder;
  device: ConcreteDevice;
  dtype: ConcreteDType;
  adapter: AdapterProbe | undefined;
}

/** What calls reject with once the model is disposed. */
export const gone = () =>
  new GmsaError('DISPOSED', 'This Gmsa has been disposed.', 'Load the model again with Gmsa.load().');

/** @throws as `Gmsa.load` does */
export async function load(url: string | URL, options: LoadOptions): Promise<LoadedModel> {
  checkOptions(options);
  const { signal, onProgress, wasmPaths, worker: start = startWorker, encoder = 'eager' } = options;
  const kvCacheBytes = options.kvCacheBytes ?? options.keyValueBudgetBytes;
  signal?.throwIfAborted();
  if (encoder !== 'eager' && encoder !== 'on-demand') {
    throw new GmsaError('BAD_INPUT', `The encoder option is '${encoder}'.`, "Use 'eager' or 'on-demand'.");
  }
  if (kvCacheBytes !== undefined && !(kvCacheBytes >= 0)) {
    throw new GmsaError(
      'BAD_INPUT',
      `kvCacheBytes is ${kvCacheBytes}.`,
      'Pass a number of bytes, or 0 to keep no KV cache, or leave it out.',
    );
  }
  const wanted = { device: options.device ?? 'auto', dtype: options.dtype ?? 'auto' };
  const looking = Promise.all([
    openModelFolder(url, { signal, cache: options.cache }),
    wanted.device === 'wasm' ? undefined : probeAdapter(),
  ]);
  const [folder, adapter] = await unlessAborted(looking, signal);
  const offered = Object.keys(folder.manifest.dtypes) as ConcreteDType[];
  const { device, dtype } = chooseRuntime(wanted, adapter, offered);

  const files = new KeptFiles(folder, dtype, onProgress);
  const setup = { device, config: folder.config, ...(wasmPaths ? { wasmPaths } : {}) };
  const onSession = ({ name }: SessionEvent) => onProgress?.({ status: 'session', name });
  const compressor = new WorkerHost<CompressorSetup, CompressorApi>({
    name: 'compressor',
    start,
    setup: async (stop) => ({ ...setup, ...(await files.get(COMPRESSOR_GRAPHS, stop)) }),
    onSession,
  });
  const decoder = new WorkerHost<DecoderSetup, DecoderApi>({
    name: 'decoder',
    start,
    setup: async (stop) => ({
      ...setup,
      ...(kvCacheBytes === undefined ? {} : { kvCacheBytes }),
      ...(await files.get(DECODER_GRAPHS, stop)),
    }),
    onSession,
  });
  const eager = encoder === 'eager';
  const stop = new AbortController();
  try {
    // The workers start before the download, so that their scripts load meanwhile.
    await Promise.all([
      files.get(
        eager ? GRAPHS : DECODER_GRAPHS,
        signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
      ),
      decoder.start(signal),
      eager && compressor.start(signal),
    ]);
    signal?.throwIfAborted();
    onProgress?.({ status: 'ready' });
  } catch (error) {
    stop.abort();
    await Promise.all([compressor.dispose(gone()), decoder.dispose(gone())]);
    throw error;
  }
  return { compressor, decoder, folder, device, dtype, adapter };
}
