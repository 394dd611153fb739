// manifest.json of a model folder (docs/formats/model-folder.md): which files there are, and which of them a dtype needs.
import { GmsaError } from '../errors.js';
import { isObject } from '../utils/is-object.js';
import { sha256Hex } from '../utils/sha256.js';

export const DTYPES = ['q4f16', 'q4', 'fp32'] as const;
export type ConcreteDType = (typeof DTYPES)[number];

export const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json'] as const;
/** What every dtype needs beside its graphs. */
const SMALL_FILES = ['config.json', ...TOKENIZER_FILES];

export const GRAPHS = ['embed_tokens', 'encoder_model', 'lsa', 'decoder_model_merged'] as const;
export type GraphName = (typeof GRAPHS)[number];
/** What each of the two workers runs. */
export const COMPRESSOR_GRAPHS = ['embed_tokens', 'encoder_model', 'lsa'] as const satisfies GraphName[];
export const DECODER_GRAPHS = ['embed_tokens', 'decoder_model_merged'] as const satisfies GraphName[];

/** Paths within the folder. */
export interface GraphFiles {
  graph: string;
  data: string[];
}

export interface FileEntry {
  bytes: number;
  /** In lower-case hex. */
  sha256: string;
}

export interface Manifest {
  name: string;
  /** Every file but the manifest itself, by its path within the folder. */
  files: ReadonlyMap<string, FileEntry>;
  dtypes: Partial<Record<ConcreteDType, Record<GraphName, GraphFiles>>>;
}

/** @throws GmsaError `BAD_MODEL` naming what is missing */
export function parseManifest(json: unknown, where: string): Manifest {
  if (!isObject(json) || !Array.isArray(json.files) || !isObject(json.dtypes)) {
    throw badModel(where, 'manifest.json has no "files" or no "dtypes"');
  }
  if (json.format !== 1)
    throw badModel(where, `manifest.json has format ${json.format}, and this version reads format 1`);
  const files = new Map<string, FileEntry>();
  for (const file of json.files as unknown[]) {
    if (!isObject(file) || typeof file.path !== 'string' || !isSize(file.bytes)) {
      throw badModel(where, 'manifest.json lists a file without a path or a size in bytes');
    }
    if (!isInside(file.path)) throw badModel(where, `manifest.json points outside its folder: ${file.path}`);
    if (!isSha256(file.sha256)) throw badModel(where, `manifest.json has no SHA-256 for ${file.path}`);
    files.set(file.path, { bytes: file.bytes, sha256: file.sha256 });
  }
  const unlisted = SMALL_FILES.find((path) => !files.has(path));
  if (unlisted !== undefined) throw badModel(where, `manifest.json does not list ${unlisted} in "files"`);
  const dtypes: Manifest['dtypes'] = {};
  for (const dtype of DTYPES) {
    const graphs = json.dtypes[dtype];
    if (graphs !== undefined) dtypes[dtype] = parseGraphs(graphs, dtype, files, where);
  }
  if (Object.keys(dtypes).length === 0)
    throw badModel(where, `manifest.json offers none of ${DTYPES.join(', ')}`);
  return { name: typeof json.name === 'string' ? json.name : where, files, dtypes };
}

function parseGraphs(json: unknown, dtype: string, listed: ReadonlyMap<string, FileEntry>, where: string) {
  const entries = GRAPHS.map((name) => {
    const files = isObject(json) ? json[name] : undefined;
    if (!isObject(files) || typeof files.graph !== 'string') {
      throw badModel(where, `manifest.json has no graph ${name} for ${dtype}`);
    }
    const data = (Array.isArray(files.data) ? files.data : []) as string[];
    const unlisted = [files.graph, ...data].find((path) => !listed.has(path));
    if (unlisted !== undefined) throw badModel(where, `manifest.json does not list ${unlisted} in "files"`);
    return [name, { graph: files.graph, data }] as const;
  });
  return Object.fromEntries(entries) as Record<GraphName, GraphFiles>;
}

/** The files that graphs of one dtype need, each once. */
export function filesOf(
  manifest: Manifest,
  dtype: ConcreteDType,
  graphs: readonly GraphName[] = GRAPHS,
): string[] {
  const files = manifest.dtypes[dtype];
  const paths = graphs.flatMap((name) => (files ? [files[name].graph, ...files[name].data] : []));
  return [...new Set([...SMALL_FILES, ...paths])];
}

/** Bytes to download for one dtype. */
export function downloadBytes(manifest: Manifest, dtype: ConcreteDType): number {
  return filesOf(manifest, dtype).reduce((sum, path) => sum + manifest.files.get(path)!.bytes, 0);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSha256(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isInside(path: string): boolean {
  return path !== '' && !/^[/\\]|:|\\/.test(path) && !path.split('/').includes('..');
}

/**
 * Which model made a soft token: the same for every dtype and every copy of a model folder. A hash over what determines a
 * model's soft tokens: the manifest's SHA-256 of the tokenizer's files and of all files of embedding, encoder and LSA, of
 * every dtype the folder offers.
 */
export function modelHash({ files, dtypes }: Manifest): string {
  const graphs = Object.values(dtypes).flatMap((dtype) => COMPRESSOR_GRAPHS.map((name) => dtype[name]));
  const paths = new Set([...TOKENIZER_FILES, ...graphs.flatMap(({ graph, data }) => [graph, ...data])]);
  return sha256Hex(
    [...paths]
      .sort()
      .map((path) => `${files.get(path)?.sha256} ${path}\n`)
      .join(''),
  );
}

/** @param where URL of the folder or file */
export function badModel(where: string, what: string, cause?: unknown): GmsaError {
  return new GmsaError(
    'BAD_MODEL',
    `${where} is not a usable model folder: ${what}.`,
    'Pass the URL of a folder in the format of docs/formats/model-folder.md, such as one that training/ exports.',
    cause === undefined ? undefined : { cause },
  );
}
