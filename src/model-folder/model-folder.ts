// Opens a model folder: its manifest, from the network or else as kept in the cache, and its config. Nothing heavy yet.
import { GmsaError } from '../errors.js';
import { downloadFile } from './download.js';
import { fetchText } from './fetch-file.js';
import { type CacheOption, FileStore } from './file-store.js';
import { badModel, type Manifest, parseManifest } from './manifest.js';
import { type ModelConfig, parseModelConfig } from './model-config.js';
import { HASTY, NetworkError, PATIENT, type RetryPolicy } from './retry.js';

export interface ModelFolder {
  /** Ends with a slash. */
  url: URL;
  manifest: Manifest;
  /** manifest.json as it was read. */
  manifestText: string;
  config: ModelConfig;
  /** config.json, verified, so that it need not be fetched again. */
  configBlob: Blob;
  store: FileStore;
  /** The server could not be reached: this is what the cache has. */
  offline: boolean;
}

export interface FolderOptions {
  signal?: AbortSignal | undefined;
  /** Default: the browser's Cache API, or memory where there is none. */
  cache?: CacheOption | undefined;
  /** For tests; default: patient. */
  retry?: RetryPolicy | undefined;
}

/**
 * Reads manifest.json and config.json, and keeps nothing of them.
 * @param url the folder, with or without a final slash; relative to the page
 * @throws GmsaError `MODEL_NOT_FOUND`, `BAD_MODEL`, `CORRUPT_FILE`, `NETWORK` (and the cache has nothing); the signal's
 *   reason
 */
export async function openModelFolder(
  location: string | URL,
  { signal, cache, retry = PATIENT }: FolderOptions = {},
): Promise<ModelFolder> {
  const url = folderUrl(location);
  const store = await FileStore.open(url, cache);
  const { manifest, text, offline } = await readManifest(url, store, retry, signal);
  const file = manifest.files.get('config.json')!;
  const where = new URL('config.json', url);
  const kept = await store.get('config.json', file);
  signal?.throwIfAborted();
  const configBlob = kept ?? (await downloadFile(where, file, { retry, signal }));
  const config = parseModelConfig(parseJson(await configBlob.text(), where), url.href);
  return { url, manifest, manifestText: text, config, configBlob, store, offline };
}

async function readManifest(url: URL, store: FileStore, retry: RetryPolicy, signal: AbortSignal | undefined) {
  const where = new URL('manifest.json', url);
  const kept = await store.manifest();
  let text: string;
  let offline = false;
  try {
    text = await fetchText(where, kept === undefined ? retry : HASTY, signal);
  } catch (error) {
    if (kept === undefined || !(error instanceof NetworkError)) throw error;
    text = kept;
    offline = true;
  }
  return { manifest: parseManifest(parseJson(text, where), url.href), text, offline };
}

/** @throws GmsaError `BAD_MODEL` */
export function parseJson(text: string, where: URL): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const what = /^\s*</.test(text) ? 'an HTML page came back instead of JSON' : 'it is not JSON';
    throw badModel(where.href, what, error);
  }
}

/** @throws GmsaError `BAD_MODEL`; `BAD_INPUT` for what is neither a text nor a URL */
export function folderUrl(url: string | URL): URL {
  if (typeof url !== 'string' && !(url instanceof URL)) {
    throw new GmsaError(
      'BAD_INPUT',
      `The model URL is ${typeof url}, not a string or a URL.`,
      'Pass the URL of a model folder.',
    );
  }
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  let folder: URL;
  try {
    folder = new URL(url, base);
  } catch (error) {
    throw badModel(String(url), 'it is not a URL', error);
  }
  folder.search = '';
  folder.hash = '';
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return folder;
}
