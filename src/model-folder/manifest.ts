// manifest.json of a model folder (docs/model-format.md): which files there are, and which of them a dtype needs.
import { badModel, isObject } from './checks.js';

export const DTYPES = ['q4f16', 'q4', 'fp32'] as const;
export type ConcreteDType = (typeof DTYPES)[number];

export const GRAPHS = ['embed_tokens', 'encoder_model', 'lsa', 'decoder_model_merged'] as const;
export type GraphName = (typeof GRAPHS)[number];

/** Paths within the folder. */
export interface GraphFiles {
  graph: string;
  data: string[];
}

export interface Manifest {
  name: string;
  /** Size of every file, by its path within the folder. */
  bytes: ReadonlyMap<string, number>;
  /** SHA-256 of every file, in lower-case hex, by its path. */
  sha256: ReadonlyMap<string, string>;
  dtypes: Partial<Record<ConcreteDType, Record<GraphName, GraphFiles>>>;
}

/** @throws GmsaError `BAD_MODEL` naming what is missing */
export function parseManifest(json: unknown, where: string): Manifest {
  if (!isObject(json) || !Array.isArray(json.files) || !isObject(json.dtypes)) {
    throw badModel(where, 'manifest.json has no "files" or no "dtypes"');
  }
  if (json.format !== 1)
    throw badModel(where, `manifest.json has format ${json.format}, this version reads 1`);
  const bytes = new Map<string, number>();
  const sha256 = new Map<string, string>();
  for (const file of json.files as unknown[]) {
    if (!isObject(file) || typeof file.path !== 'string' || !Number.isSafeInteger(file.bytes)) {
      throw badModel(where, 'manifest.json lists a file without path or bytes');
    }
    if (!isInside(file.path)) throw badModel(where, `manifest.json points outside its folder: ${file.path}`);
    if (typeof file.sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(file.sha256)) {
      throw badModel(where, `manifest.json gives no SHA-256 of ${file.path}`);
    }
    bytes.set(file.path, file.bytes as number);
    sha256.set(file.path, file.sha256);
  }
  const dtypes: Manifest['dtypes'] = {};
  for (const dtype of DTYPES) {
    const graphs = json.dtypes[dtype];
    if (graphs !== undefined) dtypes[dtype] = parseGraphs(graphs, dtype, bytes, where);
  }
  if (Object.keys(dtypes).length === 0)
    throw badModel(where, `manifest.json offers none of ${DTYPES.join(', ')}`);
  return { name: typeof json.name === 'string' ? json.name : where, bytes, sha256, dtypes };
}

function parseGraphs(json: unknown, dtype: string, bytes: ReadonlyMap<string, number>, where: string) {
  const entries = GRAPHS.map((name) => {
    const files = isObject(json) ? json[name] : undefined;
    if (!isObject(files) || typeof files.graph !== 'string') {
      throw badModel(where, `manifest.json has no graph ${name} for ${dtype}`);
    }
    const data = (Array.isArray(files.data) ? files.data : []) as string[];
    const unlisted = [files.graph, ...data].find((path) => !bytes.has(path));
    if (unlisted !== undefined) throw badModel(where, `manifest.json does not list ${unlisted} in "files"`);
    return [name, { graph: files.graph, data }] as const;
  });
  return Object.fromEntries(entries) as Record<GraphName, GraphFiles>;
}

function isInside(path: string): boolean {
  return path !== '' && !/^[/\\]|:|\\/.test(path) && !path.split('/').includes('..');
}
