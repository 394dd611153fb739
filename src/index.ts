export type { CompressedContext } from './context/compressed-context.js';
export type { Compression, CompressOptions, UpdateOptions } from './context/compression.js';
export type { CompressProgress } from './context/context-assembly.js';
export type { CompressedSegment, ContextData, ContextStats } from './context/context-data.js';
export type { SaveOptions } from './context/context-file.js';
export { ContextStore, type StoredContext } from './context/context-store.js';
export { GmsaError, type GmsaErrorCode } from './errors.js';
export type { Fidelity, FidelityOptions, FidelityProgress } from './generation/fidelity.js';
export type { AnswerOptions, AskOptions, GenerateOptions } from './generation/options.js';
export type { AnswerStream, TextStream } from './generation/text-stream.js';
export type { StoppingCriterion, TokenStreamer } from './generation/token-watch.js';
export { Gmsa } from './gmsa.js';
export type { CachedOptions, ClearOptions } from './loading/cached-models.js';
export type { AdapterProbe, Device, DType } from './loading/device-choice.js';
export type { LoadOptions, LoadProgress } from './loading/load.js';
export type { MemoryEstimate } from './loading/memory-estimate.js';
export type { ModelInfo } from './loading/model-info.js';
export type { Support, SupportOptions, SupportProblem } from './loading/support.js';
export type { CacheOption } from './model-folder/file-store.js';
export type { ConcreteDType } from './model-folder/manifest.js';
export { MemoryModelCache, type ModelCache } from './model-folder/model-cache.js';
export type { ReadingName } from './model-folder/model-config.js';
export type {
  DownloadProgress,
  FileProgress,
  FileStatus,
  LoadWarning,
  TotalProgress,
} from './model-folder/progress.js';
export type { StorageState } from './model-folder/storage.js';
export type { TextRange } from './quotes/line-forms.js';
export type { AnswerSupport, SupportedPart } from './quotes/support.js';
export type { WorkerName } from './rpc/worker-api.js';
export type { RestorationLoss } from './workers/compressor/api.js';
export { crossOriginWorker } from './workers/cross-origin-worker.js';
export type { GenerationStats, Note, Quote } from './workers/decoder/api.js';
export type { AdapterDescription, ConcreteDevice, WasmFiles, WasmPaths } from './workers/setup.js';
export type { SoftTokenData } from './workers/soft-tokens.js';
