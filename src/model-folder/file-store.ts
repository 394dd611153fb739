// The files of one model folder in a ModelCache, by URL and sha256: versions never mix. A cache that fails to read is as
// good as none.
import { GmsaError } from '../errors.js';
import { mismatch } from './download.js';
import type { FileEntry } from './manifest.js';
import { cacheKeys, defaultModelCache, type ModelCache } from './model-cache.js';

/** `false`: nothing is looked up and nothing kept. */
export type CacheOption = ModelCache | false;

/** Marks our entries in a cache that the page uses for other things too. */
const FILE_PARAMETER = 'gmsa-file';
const MANIFEST = 'manifest.json';

export type ListedFiles = ReadonlyMap<string, FileEntry>;

export class FileStore {
  readonly #folder: URL;
  readonly #cache: ModelCache | undefined;

  private constructor(folder: URL, cache: ModelCache | undefined) {
    this.#folder = folder;
    this.#cache = cache;
  }

  static async open(folder: URL, cache: CacheOption | undefined): Promise<FileStore> {
    return new FileStore(folder, await cacheOf(cache));
  }

  /** Whether there is anything that files could be kept in. */
  get exists(): boolean {
    return this.#cache !== undefined;
  }

  /** The file, verified; one that has gone bad is removed. */
  async get(path: string, file: FileEntry): Promise<Blob | undefined> {
    const key = this.#key(path, file);
    try {
      const blob = await (await this.#cache?.match(key))?.blob();
      if (blob === undefined || (await mismatch(blob, file)) === undefined) return blob;
      await this.#cache?.delete(key);
    } catch {
      // a miss
    }
    return undefined;
  }

  /** @throws what the cache does, a DOMException `QuotaExceededError` above all */
  async put(path: string, file: FileEntry, blob: Blob): Promise<void> {
    await this.#cache?.put(this.#key(path, file), response(blob));
  }

  /** The manifest that the files were kept with. */
  async manifest(): Promise<string | undefined> {
    try {
      return await (await this.#cache?.match(this.#key(MANIFEST)))?.text();
    } catch {
      return undefined;
    }
  }

  /** @throws as `put` does */
  async putManifest(text: string): Promise<void> {
    await this.#cache?.put(this.#key(MANIFEST), response(new Blob([text])));
  }

  /** Paths of those files that are kept. */
  async kept(files: ListedFiles): Promise<Set<string>> {
    const keys = new Set(await this.#keys());
    return new Set([...files.keys()].filter((path) => keys.has(this.#key(path, files.get(path)))));
  }

  /** Removes everything kept of this folder but `files`, in their listed version, and the manifest. */
  async removeAllBut(files: ListedFiles): Promise<void> {
    const stay = new Set([this.#key(MANIFEST), ...[...files].map(([path, file]) => this.#key(path, file))]);
    await this.#remove((await this.#keys()).filter((key) => !stay.has(key)));
  }

  async removeAll(): Promise<void> {
    await this.#remove(await this.#keys());
  }

  async #remove(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.#cache?.delete(key)));
  }

  /** Of this folder alone, not of one inside it. */
  async #keys(): Promise<string[]> {
    const keys = this.#cache ? await cacheKeys(this.#cache) : [];
    return keys.filter((key) => key.startsWith(`${this.#folder.href}?${FILE_PARAMETER}=`));
  }

  #key(path: string, file?: FileEntry): string {
    const key = new URL(this.#folder);
    key.searchParams.set(FILE_PARAMETER, path);
    if (file) key.searchParams.set('sha256', file.sha256);
    return key.href;
  }
}

/** Removes the files of every model folder, and nothing else that the cache may hold. */
export async function removeAllModels(option: CacheOption | undefined): Promise<void> {
  const cache = await cacheOf(option);
  if (!cache) return;
  const ours = (await cacheKeys(cache)).filter((key) => key.includes(`?${FILE_PARAMETER}=`));
  await Promise.all(ours.map((key) => cache.delete(key)));
}

/** @throws GmsaError `BAD_INPUT` */
async function cacheOf(option: CacheOption | undefined): Promise<ModelCache | undefined> {
  if (option === false) return undefined;
  const cache = option ?? (await defaultModelCache());
  if (typeof cache.match === 'function') return cache;
  throw new GmsaError(
    'BAD_INPUT',
    'The cache option is not a ModelCache.',
    'Pass a ModelCache or false, or leave it out.',
  );
}

function response(blob: Blob): Response {
  return new Response(blob, { headers: { 'Content-Length': String(blob.size) } });
}
