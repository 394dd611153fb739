// Which models are kept in the browser, and how to let go of them.

import { toGmsaError } from '../errors.js';
import { type CacheOption, FileStore, removeAllModels } from '../model-folder/file-store.js';
import type { ConcreteDType } from '../model-folder/manifest.js';
import { missingBytes } from '../model-folder/model-files.js';
import { folderUrl, openModelFolder } from '../model-folder/model-folder.js';
import { HASTY, NetworkError } from '../model-folder/retry.js';
import { checkOptions } from '../options.js';
import { unlessAborted } from '../utils/unless-aborted.js';
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

export async function isCached(url: string | URL, options: CachedOptions = {}): Promise<boolean> {
  checkOptions(options);
  options.signal?.throwIfAborted();
  return unlessAborted(lookUp(url, options), options.signal);
}

async function lookUp(
  url: string | URL,
  { device = 'auto', dtype = 'auto', signal, cache }: CachedOptions,
): Promise<boolean> {
  const [folder, adapter] = await Promise.all([
    openModelFolder(url, { signal, cache, retry: HASTY }).catch((error: unknown) => {
      if (error instanceof NetworkError) return undefined; // nothing kept, and nothing to be had
      throw error;
    }),
    device === 'wasm' ? undefined : probeAdapter(),
  ]);
  if (!folder) return false;
  const offered = Object.keys(folder.manifest.dtypes) as ConcreteDType[];
  const chosen = chooseRuntime({ device, dtype }, adapter, offered);
  return (await missingBytes(folder, chosen.dtype)) === 0;
}

export async function clearCache(url?: string | URL, options: ClearOptions = {}): Promise<void> {
  checkOptions(options);
  const { signal, cache } = options;
  signal?.throwIfAborted();
  await unlessAborted(remove(url, cache), signal);
}

async function remove(url: string | URL | undefined, cache: CacheOption | undefined): Promise<void> {
  try {
    if (url === undefined) await removeAllModels(cache);
    else await (await FileStore.open(folderUrl(url), cache)).removeAll();
  } catch (error) {
    throw toGmsaError(error, 'clearing the cache');
  }
}
