// Worker only. Between texts and token ids, as the library that trained the model splits and joins them.
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { badModel } from '../../model-folder/manifest.js';
import type { ModelConfig } from '../../model-folder/model-config.js';
import type { TokenizerFiles } from '../../model-folder/model-files.js';
import type { Job } from '../../rpc/job.js';
import { normalise } from '../../segments/normalise.js';
import { type Piece, pieces } from '../../segments/pieces.js';
import { withExactPreTokenizer } from './pre-tokenizer.js';

/** What bytes of an unfinished character decode to. */
const UNFINISHED = '\ufffd';

export class Tokenizer {
  readonly #tokenizer: HuggingFaceTokenizer;

  /** @throws GmsaError `BAD_MODEL` */
  constructor({ tokenizer, config }: TokenizerFiles) {
    try {
      this.#tokenizer = new HuggingFaceTokenizer(withExactPreTokenizer(tokenizer), config);
    } catch (error) {
      throw badModel('tokenizer.json', 'its tokenizer is not usable', error);
    }
  }

  /** Token ids, without special tokens around them. */
  readonly encode = (text: string): number[] =>
    text === '' ? [] : this.#tokenizer.encode(text, { add_special_tokens: false }).ids;

  /** Special tokens are left out. */
  readonly decode = (ids: readonly number[]): string =>
    ids.length === 0
      ? ''
      : this.#tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });

  /** What each token stands for; '' before the last of several that make up a character. Joined: the text. */
  tokenTexts(ids: readonly number[]): string[] {
    let written = '';
    const stream = this.stream((chunk) => {
      written += chunk;
    });
    return ids.map((id, i) => {
      written = '';
      stream.put(id);
      if (i === ids.length - 1) stream.end();
      return written;
    });
  }

  /**
   * Turns token ids into text as they come, never splitting a character that several tokens make up.
   * @param write called with each chunk, in order
   */
  stream(write: (chunk: string) => void): { put(id: number): void; end(): void } {
    // What is written was decoded behind the tokens before it: some decoders treat the first token differently.
    let before: number[] = [];
    let waiting: number[] = [];
    const flush = (isLast: boolean) => {
      const text = this.decode([...before, ...waiting]).slice(this.decode(before).length);
      if (!isLast && (text === '' || text.endsWith(UNFINISHED))) return;
      if (text !== '') write(text);
      before = waiting;
      waiting = [];
    };
    return {
      put: (id) => {
        waiting.push(id);
        flush(false);
      },
      end: () => flush(true),
    };
  }
}

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
