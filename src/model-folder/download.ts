// Downloads one file whose size and sha256 are known: resumes where the connection broke, if the server can and the file
// is still the same, and lets nothing through that is not what the manifest describes.
import { GmsaError } from '../errors.js';
import { sha256OfBlob } from '../utils/sha256.js';
import { requestFile } from './fetch-file.js';
import type { FileEntry } from './manifest.js';
import { NetworkError, type RetryPolicy, retrying } from './retry.js';

/** Chunks are handed to the browser's Blob store, which may be on disk, once there are so many bytes of them. */
const FLUSH_BYTES = 8 * 2 ** 20;
const RANGE_NOT_SATISFIABLE = 416;

export interface DownloadOptions {
  retry: RetryPolicy;
  signal?: AbortSignal | undefined;
  /** Called with the bytes there are by now; fewer than before if the download had to start again. */
  onReceived?: (bytes: number) => void;
}

/**
 * @throws GmsaError `CORRUPT_FILE` if size or sha256 differ, also past the browser's HTTP cache; `MODEL_NOT_FOUND`,
 *   `NETWORK`; the signal's reason
 */
export async function downloadFile(url: URL, file: FileEntry, options: DownloadOptions): Promise<Blob> {
  const first = await downloadWhole(url, file, options, 'default');
  if ((await mismatch(first, file)) === undefined) return first;
  // A stale copy in an HTTP cache, or two versions of the file in one: once more, past every cache.
  options.onReceived?.(0);
  const second = await downloadWhole(url, file, options, 'reload');
  const wrong = await mismatch(second, file);
  if (wrong !== undefined) throw corruptFile(url, wrong);
  return second;
}

/** What is wrong with the content, in words; undefined if nothing. */
export async function mismatch(blob: Blob, file: FileEntry): Promise<string | undefined> {
  if (blob.size !== file.bytes) {
    const size = blob.size > file.bytes ? `more than ${file.bytes}` : blob.size;
    return `it has ${size} bytes, the manifest says ${file.bytes}`;
  }
  const hash = await sha256OfBlob(blob);
  return hash === file.sha256 ? undefined : `its sha256 is ${hash}, the manifest says ${file.sha256}`;
}

export function corruptFile(url: URL, wrong: string): GmsaError {
  return new GmsaError(
    'CORRUPT_FILE',
    `${url} does not match its manifest: ${wrong}.`,
    'Load the model again. If the error recurs, the model folder on the server is incomplete or mixed from two versions (a Git LFS pointer instead of a file?): upload all of it again.',
  );
}

async function downloadWhole(
  url: URL,
  file: FileEntry,
  { retry, signal, onReceived }: DownloadOptions,
  cache: RequestCache,
): Promise<Blob> {
  const part = new Part(url);
  const report = () => onReceived?.(part.bytes);
  await retrying(
    retry,
    signal,
    async () => {
      const headers = part.resumeHeaders();
      const request = requestFile(
        url,
        { headers, cache, stallMs: retry.stallMs, signal, accept: [RANGE_NOT_SATISFIABLE] },
        (response) => {
          const had = part.bytes;
          part.begin(response);
          if (part.bytes < had) report();
        },
        (chunk) => {
          part.append(chunk);
          if (part.bytes > file.bytes) throw new TooLong();
          report();
        },
      );
      await request.catch((error: unknown) => {
        if (!(error instanceof TooLong)) throw error;
      });
    },
    () => part.bytes,
  );
  return part.blob();
}

/** Ends a request whose file is known to be the wrong one. */
class TooLong extends Error {}

/** What has come of a file so far, and which version of it. */
class Part {
  bytes = 0;
  readonly #url: URL;
  #blobs: Blob[] = [];
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #pending = 0;
  #etag: string | null = null;
  #modified: string | null = null;
  #resumable = false;

  constructor(url: URL) {
    this.#url = url;
  }

  /** Asks for the rest; for everything if there is nothing yet, or no telling whether it is the same file. */
  resumeHeaders(): Record<string, string> {
    const version = strong(this.#etag) ?? this.#modified;
    if (!this.#resumable || version === null) this.#clear();
    if (this.bytes === 0) return {};
    const range = { Range: `bytes=${this.bytes}-` };
    // Across origins If-Range would need a preflight that few servers answer; there `begin` compares alone.
    return isCrossOrigin(this.#url) ? range : { ...range, 'If-Range': version! };
  }

  /** @throws NetworkError if the response does not go on where this part ends; the next attempt then starts anew */
  begin(response: Response): void {
    const { status, headers } = response;
    const etag = headers.get('ETag');
    const modified = headers.get('Last-Modified');
    if (status === 206 || status === RANGE_NOT_SATISFIABLE) {
      const range = headers.get('Content-Range'); // hidden across origins, mostly
      const continues = range === null || range.startsWith(`bytes ${this.bytes}-`);
      const changed = differ(etag, this.#etag) || differ(modified, this.#modified);
      if (status === 206 && continues && !changed) return;
      this.#clear();
      throw new NetworkError(this.#url, 'the file changed, or the server gave another part than asked for');
    }
    this.#clear();
    this.#etag = etag;
    this.#modified = modified;
    this.#resumable = !headers.has('Content-Encoding'); // a range would count encoded bytes
  }

  append(chunk: Uint8Array<ArrayBuffer>): void {
    this.#chunks.push(chunk);
    this.bytes += chunk.byteLength;
    this.#pending += chunk.byteLength;
    if (this.#pending >= FLUSH_BYTES) this.#flush();
  }

  blob(): Blob {
    this.#flush();
    return new Blob(this.#blobs);
  }

  #flush(): void {
    if (this.#pending > 0) this.#blobs.push(new Blob(this.#chunks));
    this.#chunks = [];
    this.#pending = 0;
  }

  #clear(): void {
    this.#blobs = [];
    this.#chunks = [];
    this.#pending = 0;
    this.bytes = 0;
  }
}

/** An ETag that If-Range takes: weak ones may stand for different bytes. */
function strong(etag: string | null): string | null {
  return etag?.startsWith('"') ? etag : null;
}

/** A partial response may leave headers out. */
function differ(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a !== b;
}

function isCrossOrigin(url: URL): boolean {
  return globalThis.location !== undefined && url.origin !== globalThis.location.origin;
}
