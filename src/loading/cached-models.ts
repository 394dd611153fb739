// Which models are kept in the browser, and how to let go of them.

import { type CacheOption, FileStore, removeAllModels } from '../model-folder/file-store.js';
import type { ConcreteDType } from '../model-folder/manifest.js';
import { missingBytes } from '../model-folder/model-files.js';
import { folderUrl, openModelFolder } from '../model-folder/model-folder.js';
import { HASTY, NetworkError } from '../model-folder/retry.js';
import { chooseRuntime, type Device, type DType, probeAdapter } from './device-choice.js';

export interface CachedOptions {
  /** As for `Gmsa.load`: they decide which files it takes. */
  device?: Device;
  dtype?: DType;
  signal?: AbortSignal;
  cache?: CacheOption;
}

export interface ClearOptions {
  signal?: AbortSignal;
  cache?: CacheOption;
}

export async function isCached(
  url: string | URL,
  { device = 'auto', dtype = 'auto', signal, cache }: CachedOptions = {},
): Promise<boolean> {
  signal?.throwIfAborted();
  const [folder, adapter] = await Promise.all([
    openModelFolder(url, { signal, cache, retry: HASTY }).catch((error: unknown) => {
      if (error instanceof NetworkError) return undefined; // nothing kept, and nothing to be had
      throw error;
    }),
    device === 'wasm' ? undefined : probeAdapter(),
  ]);
  signal?.throwIfAborted();
  if (!folder) return false;
  const offered = Object.keys(folder.manifest.dtypes) as ConcreteDType[];
  const chosen = chooseRuntime({ device, dtype }, adapter, offered);
  return (await missingBytes(folder, chosen.dtype)) === 0;
}

export async function clearCache(url?: string | URL, { signal, cache }: ClearOptions = {}): Promise<void> {
  signal?.throwIfAborted();
  if (url === undefined) await removeAllModels(cache);
  else await (await FileStore.open(folderUrl(url), cache)).removeAll();
}
