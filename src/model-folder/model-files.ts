// The files of one dtype: from the cache, else downloaded, a few at a time; each verified, and kept for the next visit.

import { downloadFile } from './download.js';
import { badModel, type ConcreteDType, filesOf, GRAPHS, type GraphName } from './manifest.js';
import { type ModelFolder, parseJson } from './model-folder.js';
import { type DownloadProgress, type LoadWarning, ProgressReport } from './progress.js';
import { PATIENT, type RetryPolicy } from './retry.js';
import { askToPersist, cacheWarning, storageState, storageWarning } from './storage.js';

/** One graph ready for ONNX Runtime: the model and its external data, by the names the model knows them under. */
export interface GraphBlobs {
  graph: Blob;
  data: { path: string; blob: Blob }[];
}

/** tokenizer.json and tokenizer_config.json, parsed. */
export interface TokenizerFiles {
  tokenizer: object;
  config: object;
}

export interface ModelFiles<G extends GraphName = GraphName> {
  graphs: Record<G, GraphBlobs>;
  tokenizer: TokenizerFiles;
}

export interface FilesOptions<G extends GraphName = GraphName> {
  /** Default: all. */
  graphs?: readonly G[] | undefined;
  /** Files that are there already, by path; those got are added. */
  kept?: Map<string, Blob> | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** For tests; default: patient. */
  retry?: RetryPolicy | undefined;
}

/** Connections at once: enough to fill a line, few enough to bound what is in memory. */
const PARALLEL = 4;

/**
 * Gets the files of one dtype. The first failure stops the others; what is whole by then stays in the cache.
 * @throws GmsaError `MODEL_NOT_FOUND`, `BAD_MODEL`, `CORRUPT_FILE` (not what the manifest describes), `NETWORK`; the
 *   signal's reason
 */
export async function downloadModelFiles<G extends GraphName = GraphName>(
  folder: ModelFolder,
  dtype: ConcreteDType,
  options: FilesOptions<G> = {},
): Promise<ModelFiles<G>> {
  const { manifest, url } = folder;
  const { graphs = GRAPHS as readonly GraphName[] as readonly G[], kept = new Map<string, Blob>() } = options;
  const files = manifest.dtypes[dtype];
  if (!files) throw badModel(url.href, `it has no ${dtype} graphs`);
  options.signal?.throwIfAborted();
  const missing = filesOf(manifest, dtype, graphs).filter((path) => !kept.has(path));
  if (missing.length > 0) await getMissing(folder, dtype, missing, kept, options);

  const json = async (path: string) => parseJson(await kept.get(path)!.text(), new URL(path, url)) as object;
  const graphBlobs = graphs.map((name) => [
    name,
    {
      graph: kept.get(files[name].graph)!,
      data: files[name].data.map((path) => ({ path: path.split('/').at(-1)!, blob: kept.get(path)! })),
    },
  ]);
  return {
    graphs: Object.fromEntries(graphBlobs) as Record<G, GraphBlobs>,
    tokenizer: { tokenizer: await json('tokenizer.json'), config: await json('tokenizer_config.json') },
  };
}

async function getMissing(
  folder: ModelFolder,
  dtype: ConcreteDType,
  paths: readonly string[],
  kept: Map<string, Blob>,
  options: FilesOptions,
): Promise<void> {
  const { manifest, store } = folder;
  const warn = once(options.onProgress);
  await makeRoom(folder, dtype, warn);
  await getAll(folder, paths, kept, options, warn);
  if (folder.offline) return;
  // Only now: until its files are all here, the manifest of the version before is the one to fall back on.
  await store.putManifest(folder.manifestText).catch((error: unknown) => warn(cacheWarning(error)));
  await store.removeAllBut(manifest.files).catch(() => {});
}

/** Bytes of one dtype that are not in the cache. */
export async function missingBytes({ manifest, store }: ModelFolder, dtype: ConcreteDType): Promise<number> {
  const kept = await store.kept(manifest.files).catch(() => new Set<string>());
  const missing = filesOf(manifest, dtype).filter((path) => !kept.has(path));
  return missing.reduce((sum, path) => sum + manifest.files.get(path)!.bytes, 0);
}

type Warn = (warning: LoadWarning | undefined) => void;

/** Each code is said once. */
function once(listener: FilesOptions['onProgress']): Warn {
  const said = new Set<string>();
  return (warning) => {
    if (warning === undefined || said.has(warning.code)) return;
    said.add(warning.code);
    listener?.(warning);
  };
}

async function makeRoom(folder: ModelFolder, dtype: ConcreteDType, warn: Warn): Promise<void> {
  if (!folder.store.exists) return;
  const bytes = await missingBytes(folder, dtype);
  if (bytes === 0) return;
  askToPersist();
  if (storageWarning(await storageState(), bytes) === undefined) return;
  await folder.store.removeAllBut(folder.manifest.files).catch(() => {});
  warn(storageWarning(await storageState(), bytes));
}

async function getAll(
  { manifest, url, store, configBlob }: ModelFolder,
  paths: readonly string[],
  blobs: Map<string, Blob>,
  { signal, onProgress, retry = PATIENT }: FilesOptions,
  warn: Warn,
): Promise<void> {
  const stop = new AbortController();
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const files = paths.map((path) => [path, manifest.files.get(path)!] as const);
  const report = new ProgressReport(manifest.name, files, onProgress);
  let full = false;

  const getOne = async ([path, file]: (typeof files)[number]) => {
    report.status('initiate', path);
    const kept = await store.get(path, file);
    both.throwIfAborted();
    let blob = path === 'config.json' ? configBlob : kept;
    if (blob) {
      report.received(path, file.bytes);
    } else {
      report.status('download', path);
      const onReceived = (bytes: number) => report.received(path, bytes);
      blob = await downloadFile(new URL(path, url), file, { retry, signal: both, onReceived });
    }
    if (!kept && !full) {
      await store.put(path, file, blob).catch((error: unknown) => {
        const warning = cacheWarning(error);
        full = warning.code === 'STORAGE_FULL';
        warn(warning);
      });
    }
    both.throwIfAborted();
    blobs.set(path, blob);
    report.status('done', path);
  };

  const queue = files.values();
  const lane = async () => {
    for (const file of queue) await getOne(file);
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL }, lane));
  } finally {
    stop.abort();
  }
}
