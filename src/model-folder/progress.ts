// What loading reports on the way, under transformers.js' names; `warning` is our own.
import type { FileEntry } from './manifest.js';

interface OfModel {
  /** The model's name. */
  name: string;
}

interface OfFile extends OfModel {
  /** Path within the model folder. */
  file: string;
}

/** Bytes; `progress` in per cent. */
interface Amount {
  loaded: number;
  total: number;
  progress: number;
}

/** `initiate`: looked for in the cache; `download`: it is not there, so a request begins; `done`: there and verified. */
export interface FileStatus extends OfFile {
  status: 'initiate' | 'download' | 'done';
}

export interface FileProgress extends OfFile, Amount {
  status: 'progress';
}

/** One total over all files; `loaded` shrinks when a file has to start again. */
export interface TotalProgress extends OfModel, Amount {
  status: 'progress_total';
  /** The file that the last bytes belong to. */
  file: string;
  files: Readonly<Record<string, Readonly<{ loaded: number; total: number }>>>;
}

/** Loading goes on, but not as well as it could. */
export interface LoadWarning {
  status: 'warning';
  /** `STORAGE_FULL`: the model does not fit into the browser's storage; `NOT_CACHED`: it could not be kept. */
  code: 'STORAGE_FULL' | 'NOT_CACHED';
  message: string;
  fix: string;
}

export type DownloadProgress = FileStatus | FileProgress | TotalProgress | LoadWarning;

const amount = (loaded: number, total: number): Amount => ({
  loaded,
  total,
  progress: total === 0 ? 100 : Math.min(100, (100 * loaded) / total),
});

/** Adds the files' bytes up and reports them. */
export class ProgressReport {
  readonly #name: string;
  readonly #files: Map<string, { loaded: number; total: number }>;
  readonly #total: number;
  readonly #listener: ((progress: DownloadProgress) => void) | undefined;

  constructor(
    name: string,
    files: readonly (readonly [path: string, entry: FileEntry])[],
    listener: ((progress: DownloadProgress) => void) | undefined,
  ) {
    this.#name = name;
    this.#files = new Map(files.map(([path, { bytes }]) => [path, { loaded: 0, total: bytes }]));
    this.#total = files.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    this.#listener = listener;
  }

  status(status: FileStatus['status'], file: string): void {
    this.#listener?.({ status, name: this.#name, file });
  }

  /** @param bytes of this file by now */
  received(file: string, bytes: number): void {
    const { total } = this.#files.get(file)!;
    this.#files.set(file, { loaded: bytes, total });
    if (!this.#listener) return;
    const loaded = [...this.#files.values()].reduce((sum, one) => sum + one.loaded, 0);
    const name = this.#name;
    this.#listener({ status: 'progress', name, file, ...amount(bytes, total) });
    const files = Object.fromEntries(this.#files);
    this.#listener({ status: 'progress_total', name, file, files, ...amount(loaded, this.#total) });
  }
}
