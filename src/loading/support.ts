// The preflight: what Gmsa.load would run a model on and what stands in its way, before anything is downloaded.

import { GmsaError } from '../errors.js';
import type { CacheOption } from '../model-folder/file-store.js';
import { type ConcreteDType, DTYPES, downloadBytes } from '../model-folder/manifest.js';
import { missingBytes } from '../model-folder/model-files.js';
import { type ModelFolder, openModelFolder } from '../model-folder/model-folder.js';
import { type StorageState, storageState, storageWarning } from '../model-folder/storage.js';
import { checkOptions } from '../options.js';
import { unlessAborted } from '../utils/unless-aborted.js';
import { type ConcreteDevice, hasJspi } from '../workers/setup.js';
import {
  type AdapterProbe,
  chooseRuntime,
  type Device,
  type DType,
  describeAdapter,
  requestAdapter,
} from './device-choice.js';
import { estimateMemory, type MemoryEstimate } from './memory-estimate.js';

export interface SupportOptions {
  device?: Device;
  dtype?: DType;
  signal?: AbortSignal;
  cache?: CacheOption;
}

/** Something that this browser or machine lacks. */
export interface SupportProblem {
  code:
    | 'UNSUPPORTED'
    | 'OUT_OF_MEMORY'
    | 'NO_WEBGPU'
    | 'SOFTWARE_ADAPTER'
    | 'NO_F16'
    | 'NO_THREADS'
    | 'LOW_MEMORY'
    | 'STORAGE_FULL';
  /** Whether `Gmsa.load` will fail for it; otherwise the model runs, but slower or less well kept. */
  fatal: boolean;
  message: string;
  fix: string;
}

/** Plain data, as `Gmsa.support` gives it. Sizes in bytes. */
export interface Support {
  /** No problem is fatal. */
  supported: boolean;
  /** What 'auto', or what was asked for, comes to; undefined if nothing can run. */
  device: ConcreteDevice | undefined;
  dtype: ConcreteDType | undefined;
  /** The GPU, if there is one, whether or not it is used. */
  adapter:
    | (AdapterProbe & { limits: { maxBufferSize: number; maxStorageBufferBindingSize: number } })
    | undefined;
  /** `jspi`: the smaller and faster build of ONNX Runtime runs here; `threads`: wasm may use several. */
  wasm: { jspi: boolean; threads: boolean };
  /** As far as the browser tells: rounded, and 8 GiB at most. */
  deviceMemory: number | undefined;
  storage: StorageState;
  problems: SupportProblem[];
  /** Only if a URL was given. */
  model?: {
    name: string;
    downloadBytes: number;
    /** Of them, what is in the cache already. */
    cachedBytes: number;
    memory: MemoryEstimate;
  };
}

/** wasm32, less what the runtime cannot give out again. */
const WASM_ADDRESS_SPACE = 4 * 2 ** 30;

export async function support(url?: string | URL, options: SupportOptions = {}): Promise<Support> {
  checkOptions(options);
  options.signal?.throwIfAborted();
  return unlessAborted(look(url, options), options.signal);
}

async function look(url: string | URL | undefined, options: SupportOptions): Promise<Support> {
  const { signal } = options;
  const [folder, gpu, storage] = await Promise.all([
    url === undefined ? undefined : openModelFolder(url, { signal, cache: options.cache }),
    requestAdapter(),
    storageState(),
  ]);
  const adapter = gpu && { ...describeAdapter(gpu), limits: limitsOf(gpu) };
  const problems: SupportProblem[] = [];
  const runtime = choose(options, adapter, folder, problems);
  const found: Support = {
    supported: true,
    device: runtime?.device,
    dtype: runtime?.dtype,
    adapter,
    wasm: { jspi: hasJspi(), threads: globalThis.crossOriginIsolated === true },
    deviceMemory: deviceMemory(),
    storage,
    problems,
  };
  if (typeof WebAssembly === 'undefined' || typeof Worker === 'undefined') {
    problems.push({
      code: 'UNSUPPORTED',
      fatal: true,
      message: 'This browser has no WebAssembly or no workers.',
      fix: 'Use a current browser, in a mode that does not turn WebAssembly off.',
    });
  }
  if (runtime) problems.push(...slower(found));
  if (folder && runtime) found.model = await describeModel(folder, runtime, found);
  found.supported = problems.every(({ fatal }) => !fatal);
  return found;
}

function choose(
  { device = 'auto', dtype = 'auto' }: SupportOptions,
  adapter: AdapterProbe | undefined,
  folder: ModelFolder | undefined,
  problems: SupportProblem[],
) {
  const offered = folder ? (Object.keys(folder.manifest.dtypes) as ConcreteDType[]) : DTYPES;
  try {
    return chooseRuntime({ device, dtype }, adapter, offered);
  } catch (error) {
    if (!(error instanceof GmsaError && error.code === 'UNSUPPORTED')) throw error;
    problems.push({ code: error.code, fatal: true, message: error.message, fix: error.fix });
    return undefined;
  }
}

function* slower({ device, adapter, wasm }: Support): Generator<SupportProblem> {
  const problem = (code: SupportProblem['code'], message: string, fix: string): SupportProblem => ({
    code,
    fatal: false,
    message,
    fix,
  });
  if (!adapter) {
    yield problem(
      'NO_WEBGPU',
      'This browser has no WebGPU adapter, so the model runs on wasm, which is slower.',
      'Use a browser and GPU with WebGPU, turn on hardware acceleration, and serve the page over HTTPS.',
    );
  } else if (adapter.software) {
    yield problem(
      'SOFTWARE_ADAPTER',
      `The WebGPU adapter (${adapter.description || adapter.architecture}) is emulated on the CPU, which is slower than wasm.`,
      'Turn on hardware acceleration in the browser, or update the GPU driver.',
    );
  } else if (!adapter.f16 && device === 'webgpu') {
    yield problem(
      'NO_F16',
      'The GPU has no 16-bit floats for shaders (shader-f16), so activations are f32: slower, and twice as large.',
      'A newer GPU, driver, or browser may help.',
    );
  }
  if (device === 'wasm' && !wasm.threads) {
    yield problem(
      'NO_THREADS',
      'The page is not cross-origin isolated, so wasm runs on one thread.',
      'Serve the page with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
    );
  }
}

async function describeModel(
  folder: ModelFolder,
  { device, dtype }: { device: ConcreteDevice; dtype: ConcreteDType },
  { adapter, deviceMemory, storage, problems }: Support,
): Promise<NonNullable<Support['model']>> {
  const memory = estimateMemory(folder, device, dtype);
  const all = downloadBytes(folder.manifest, dtype);
  const missing = await missingBytes(folder, dtype);
  const limit = adapter?.limits.maxBufferSize;
  if (device === 'webgpu' && limit !== undefined && memory.largestBuffer > limit) {
    problems.push({
      code: 'OUT_OF_MEMORY',
      fatal: true,
      message: `The model may need a GPU buffer of ${gigabytes(memory.largestBuffer)}, but this GPU allows ${gigabytes(limit)}.`,
      fix: "Use device: 'wasm', or a smaller model.",
    });
  }
  if (memory.largestWorker > WASM_ADDRESS_SPACE) {
    problems.push({
      code: 'OUT_OF_MEMORY',
      fatal: true,
      message: `The model needs ${gigabytes(memory.largestWorker)} in one worker, but WebAssembly can address ${gigabytes(WASM_ADDRESS_SPACE)}.`,
      fix: "Use device: 'webgpu', or a smaller model.",
    });
  }
  if (deviceMemory !== undefined && memory.total > deviceMemory / 2) {
    problems.push({
      code: 'LOW_MEMORY',
      fatal: false,
      message: `The model takes about ${gigabytes(memory.total)} of memory. This machine has about ${gigabytes(deviceMemory)} in all.`,
      fix: 'Close other tabs and programs, or use a smaller model.',
    });
  }
  const full = folder.store.exists && missing > 0 ? storageWarning(storage, missing) : undefined;
  if (full) problems.push({ code: 'STORAGE_FULL', fatal: false, message: full.message, fix: full.fix });
  return { name: folder.manifest.name, downloadBytes: all, cachedBytes: all - missing, memory };
}

function limitsOf({ limits: { maxBufferSize, maxStorageBufferBindingSize } }: GPUAdapter) {
  return { maxBufferSize, maxStorageBufferBindingSize };
}

function deviceMemory(): number | undefined {
  const gibibytes = (globalThis.navigator as { deviceMemory?: number } | undefined)?.deviceMemory;
  return gibibytes === undefined ? undefined : gibibytes * 2 ** 30;
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
