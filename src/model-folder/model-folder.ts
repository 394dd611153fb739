// Reads a model folder over HTTP: first what it is, then the files of one dtype, each once.
import { badModel } from './checks.js';
import { fetchBlob, fetchJson } from './fetch-file.js';
import { type ConcreteDType, type GraphName, type Manifest, parseManifest } from './manifest.js';
import { type ModelConfig, parseModelConfig } from './model-config.js';

/** What the two small files of a model folder say; nothing heavy is loaded yet. */
export interface ModelFolder {
  url: URL;
  manifest: Manifest;
  config: ModelConfig;
}

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

export interface ModelFiles {
  graphs: Record<GraphName, GraphBlobs>;
  tokenizer: TokenizerFiles;
}

/** Progress of the download: one total over all files, in bytes; `progress` in per cent. */
export interface TotalProgress {
  status: 'progress_total';
  loaded: number;
  total: number;
  progress: number;
  /** The file that the last bytes belong to. */
  file?: string;
}

export const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json'] as const;

/**
 * Reads manifest.json and config.json.
 * @param url the folder, with or without a final slash; relative to the page
 * @throws GmsaError `MODEL_NOT_FOUND`, `BAD_MODEL`, `NETWORK`
 */
export async function openModelFolder(url: string | URL, signal?: AbortSignal): Promise<ModelFolder> {
  const folder = folderUrl(url);
  const [manifest, config] = await Promise.all([
    fetchJson(new URL('manifest.json', folder), signal),
    fetchJson(new URL('config.json', folder), signal),
  ]);
  return {
    url: folder,
    manifest: parseManifest(manifest, folder.href),
    config: parseModelConfig(config, folder.href),
  };
}

/** The files one dtype needs, the tokenizer's included, each once. */
export function filesOf(manifest: Manifest, dtype: ConcreteDType): string[] {
  const graphs = Object.values(manifest.dtypes[dtype] ?? {});
  return [...new Set([...TOKENIZER_FILES, ...graphs.flatMap(({ graph, data }) => [graph, ...data])])];
}

/** Bytes to download for one dtype. */
export function downloadBytes(manifest: Manifest, dtype: ConcreteDType): number {
  return filesOf(manifest, dtype).reduce((sum, path) => sum + (manifest.bytes.get(path) ?? 0), 0);
}

/**
 * Downloads the files of one dtype, in parallel. The first failure stops the others.
 * @throws GmsaError `MODEL_NOT_FOUND`, `BAD_MODEL` (a size differs from the manifest's), `NETWORK`; the signal's reason
 */
export async function downloadModelFiles(
  folder: ModelFolder,
  dtype: ConcreteDType,
  options: { signal?: AbortSignal; onProgress?: (progress: TotalProgress) => void } = {},
): Promise<ModelFiles> {
  const { manifest, url } = folder;
  const graphs = manifest.dtypes[dtype];
  if (!graphs) throw badModel(url.href, `it offers no ${dtype} graphs`);
  const paths = filesOf(manifest, dtype);
  const total = downloadBytes(manifest, dtype);
  let loaded = 0;
  const report = (bytes: number, file: string) => {
    loaded += bytes;
    const progress = total === 0 ? 100 : Math.min(100, (100 * loaded) / total);
    options.onProgress?.({ status: 'progress_total', loaded, total, progress, file });
  };

  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const blobs = new Map<string, Blob>();
  try {
    await Promise.all(
      paths.map(async (path) => {
        const bytes = manifest.bytes.get(path);
        if (bytes === undefined) throw badModel(url.href, `manifest.json does not list ${path}`);
        blobs.set(path, await fetchBlob(new URL(path, url), bytes, (n) => report(n, path), signal));
      }),
    );
  } finally {
    stop.abort();
  }

  const graphBlobs = Object.entries(graphs).map(([name, files]) => [
    name,
    {
      graph: blobs.get(files.graph)!,
      data: files.data.map((path) => ({ path: path.split('/').at(-1)!, blob: blobs.get(path)! })),
    },
  ]);
  const [tokenizer, tokenizerConfig] = await Promise.all(
    TOKENIZER_FILES.map(async (path) => parseJson(await blobs.get(path)!.text(), new URL(path, url).href)),
  );
  return {
    graphs: Object.fromEntries(graphBlobs) as Record<GraphName, GraphBlobs>,
    tokenizer: { tokenizer: tokenizer!, config: tokenizerConfig! },
  };
}

function parseJson(text: string, where: string): object {
  try {
    return JSON.parse(text) as object;
  } catch (error) {
    throw badModel(where, 'it is not JSON', error);
  }
}

function folderUrl(url: string | URL): URL {
  const base = typeof document === 'undefined' ? undefined : document.baseURI;
  let folder: URL;
  try {
    folder = new URL(url, base);
  } catch (error) {
    throw badModel(String(url), 'it is not a URL', error);
  }
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return folder;
}
