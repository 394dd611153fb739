// Which model made a soft token: the same for every dtype and every copy of a model folder.
import { sha256Hex } from '../utils/sha256.js';
import { type Manifest, TOKENIZER_FILES } from './manifest.js';

const COMPRESSING_GRAPHS = ['embed_tokens', 'encoder_model', 'lsa'] as const;

/**
 * A hash over what determines a model's soft tokens: the manifest's SHA-256 of the tokenizer's files and of all files
 * of embedding, encoder and LSA, of every dtype the folder offers. The decoder is left out.
 */
export function modelHash({ files, dtypes }: Manifest): string {
  const graphs = Object.values(dtypes).flatMap((dtype) => COMPRESSING_GRAPHS.map((name) => dtype[name]));
  const paths = new Set([...TOKENIZER_FILES, ...graphs.flatMap(({ graph, data }) => [graph, ...data])]);
  return sha256Hex(
    [...paths]
      .sort()
      .map((path) => `${files.get(path)?.sha256} ${path}\n`)
      .join(''),
  );
}
