// Worker only. A text as its tokenised pieces: what the compressor cuts into segments, and what counts its tokens.

import type { ModelConfig } from '../../model-folder/model-config.js';
import type { Job } from '../../rpc/job.js';
import { normalise } from '../../segments/normalise.js';
import { type Piece, pieces } from '../../segments/pieces.js';
import type { Tokenizer } from './tokenizer.js';

/** Pieces tokenised between two looks at the abort signal. */
const PIECES_PER_CHECK = 256;

/** In order; an empty text has none. */
export async function* textPieces(
  text: string,
  tokenizer: Tokenizer,
  { segmentLength }: ModelConfig,
  { checkpoint }: Pick<Job<never>, 'checkpoint'>,
): AsyncGenerator<Piece> {
  const normalised = normalise(text);
  if (normalised === '') return;
  let count = 0;
  for (const piece of pieces(normalised, tokenizer.encode, segmentLength)) {
    yield piece;
    count += 1;
    if (count % PIECES_PER_CHECK === 0) await checkpoint();
  }
}
