// Where model files are kept between visits: the browser's Cache API, memory where there is none, or the caller's own.

/**
 * A store of responses by URL. A `Cache` of the Cache API is one; so is transformers.js' `customCache` with `delete`
 * and `keys`. Keys are absolute URLs that carry the file's sha256, so an entry never changes.
 */
export interface ModelCache {
  match(key: string): Promise<Response | undefined>;
  /** Rejects with a DOMException `QuotaExceededError` if there is no room; the entry is then not there. */
  put(key: string, response: Response): Promise<void>;
  /** Whether there was such an entry. */
  delete(key: string): Promise<boolean>;
  /** Of all entries. */
  keys(): Promise<readonly (string | { readonly url: string })[]>;
}

/** Name of the library's own cache in the Cache API. */
export const CACHE_NAME = 'gmsa-web-models';

/** Keeps model files as long as the page lives, for tests and for pages without the Cache API. */
export class MemoryModelCache implements ModelCache {
  readonly #entries = new Map<string, { blob: Blob; headers: Headers }>();
  readonly #maxBytes: number;

  constructor({ maxBytes = Number.POSITIVE_INFINITY }: { maxBytes?: number } = {}) {
    this.#maxBytes = maxBytes;
  }

  async match(key: string): Promise<Response | undefined> {
    const entry = this.#entries.get(key);
    return entry && new Response(entry.blob, { headers: entry.headers });
  }

  async put(key: string, response: Response): Promise<void> {
    const { headers } = response;
    const blob = await response.blob();
    const others = [...this.#entries].filter(([other]) => other !== key);
    const used = others.reduce((sum, [, entry]) => sum + entry.blob.size, 0);
    if (used + blob.size > this.#maxBytes) {
      throw new DOMException(`More than ${this.#maxBytes} bytes.`, 'QuotaExceededError');
    }
    this.#entries.set(key, { blob, headers });
  }

  async delete(key: string): Promise<boolean> {
    return this.#entries.delete(key);
  }

  async keys(): Promise<string[]> {
    return [...this.#entries.keys()];
  }
}

let memory: MemoryModelCache | undefined;

/** The library's own cache. Insecure origins, sandboxed frames and some private windows have no Cache API: memory. */
export async function defaultModelCache(): Promise<ModelCache> {
  const kept = await globalThis.caches?.open(CACHE_NAME).catch(() => undefined);
  if (kept) return kept;
  memory ??= new MemoryModelCache();
  return memory;
}

export async function cacheKeys(cache: ModelCache): Promise<string[]> {
  return (await cache.keys()).map((key) => (typeof key === 'string' ? key : key.url));
}
