// The browser's storage: asked to keep the model, and whether it has room for it.
import type { LoadWarning } from './progress.js';

/** What `navigator.storage` says; parts that the browser keeps to itself are undefined. Sizes in bytes. */
export interface StorageState {
  quota: number | undefined;
  usage: number | undefined;
  /** Whether the browser promised not to evict it. */
  persisted: boolean | undefined;
}

export async function storageState(): Promise<StorageState> {
  const storage = globalThis.navigator?.storage;
  const [estimate, persisted] = await Promise.all([
    storage?.estimate?.().catch(() => undefined),
    storage?.persisted?.().catch(() => undefined),
  ]);
  return { quota: estimate?.quota, usage: estimate?.usage, persisted };
}

/** Not awaited: some browsers ask the user, and the download need not wait for the answer. */
export function askToPersist(): void {
  globalThis.navigator?.storage?.persist?.().catch(() => {});
}

/** A warning if `bytes` more will not fit. */
export function storageWarning({ quota, usage }: StorageState, bytes: number): LoadWarning | undefined {
  if (quota === undefined || usage === undefined || quota - usage >= bytes) return undefined;
  return {
    status: 'warning',
    code: 'STORAGE_FULL',
    message: `The browser's storage has ${megabytes(Math.max(0, quota - usage))} left, but the model needs ${megabytes(bytes)}.`,
    fix: 'The model works, but parts of it are downloaded again on the next visit. Free disk space, or clear the cache of models that you no longer need (Gmsa.clearCache).',
  };
}

/** Why a file was not kept. */
export function cacheWarning(error: unknown): LoadWarning {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const full = name === 'QuotaExceededError';
  return {
    status: 'warning',
    code: full ? 'STORAGE_FULL' : 'NOT_CACHED',
    message: full
      ? "The browser's storage is full. The model is loaded, but not cached."
      : `The model is loaded, but not cached: ${name}: ${message}`,
    fix: 'The model works, but is downloaded again on the next visit. Free disk space, or clear the cache of models that you no longer need (Gmsa.clearCache).',
  };
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
