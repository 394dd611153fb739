export type { Compression } from './compression.js';
export type { CompressedContext, CompressedSegment } from './context/compressed-context.js';
export type { Device, DType } from './device-choice.js';
export { GmsaError, type GmsaErrorCode } from './errors.js';
export {
  type AskOptions,
  type CompressOptions,
  type CompressProgress,
  type GenerateOptions,
  Gmsa,
  type LoadOptions,
  type LoadProgress,
  type ModelInfo,
} from './gmsa.js';
export type { AdapterDescription, GenerationStats, SoftTokenData, WasmPaths } from './protocol.js';
export type { TextStream } from './text-stream.js';
