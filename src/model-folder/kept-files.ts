// The files of a loaded model, each downloaded once: a worker that starts later, or again, gets them from here.
import type { ConcreteDType, GraphName } from './manifest.js';
import { downloadModelFiles, type ModelFiles } from './model-files.js';
import type { ModelFolder } from './model-folder.js';
import type { DownloadProgress } from './progress.js';

export class KeptFiles {
  readonly #folder: ModelFolder;
  readonly #dtype: ConcreteDType;
  readonly #onProgress: ((progress: DownloadProgress) => void) | undefined;
  readonly #kept = new Map<string, Blob>();
  #turn: Promise<unknown> = Promise.resolve();

  /** @param onProgress hears of every download, each with a total of its own */
  constructor(folder: ModelFolder, dtype: ConcreteDType, onProgress?: (progress: DownloadProgress) => void) {
    this.#folder = folder;
    this.#dtype = dtype;
    this.#onProgress = onProgress;
  }

  /** Downloads what of these graphs is missing; one download at a time, so that none fetches what another does. */
  get<G extends GraphName>(graphs: readonly G[], signal: AbortSignal): Promise<ModelFiles<G>> {
    const files = this.#turn.then(() => {
      signal.throwIfAborted();
      return downloadModelFiles(this.#folder, this.#dtype, {
        graphs,
        kept: this.#kept,
        signal,
        onProgress: this.#onProgress,
      });
    });
    this.#turn = files.catch(() => {});
    return files;
  }
}
