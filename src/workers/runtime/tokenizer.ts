// Worker only. Between texts and token ids, as the library that trained the model splits and joins them.
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { badModel } from '../../model-folder/manifest.js';
import type { ModelConfig } from '../../model-folder/model-config.js';
import type { TokenizerFiles } from '../../model-folder/model-files.js';
import type { Job } from '../../rpc/job.js';
import { type Piece, pieces } from '../../segments/pieces.js';
import { withExactPreTokenizer } from './pre-tokenizer.js';

/** What bytes of an unfinished character decode to. */
const UNFINISHED = '\ufffd';

interface AddedToken {
  id: number;
  special?: boolean;
}

export class Tokenizer {
  readonly #tokenizer: HuggingFaceTokenizer;
  readonly #specialIds: ReadonlySet<number>;

  /** @throws GmsaError `BAD_MODEL` */
  constructor({ tokenizer, config }: TokenizerFiles) {
    try {
      const { added_tokens: added } = tokenizer as { added_tokens: AddedToken[] };
      this.#specialIds = new Set(added.filter(({ special }) => special).map(({ id }) => id));
      // Without its special tokens, so that no text can hold one: "<|im_end|>" in a document must not end a turn. The
      // same as `encode_special_tokens = True` in the tokenizers library.
      const plain = { ...tokenizer, added_tokens: added.filter(({ special }) => !special) };
      this.#tokenizer = new HuggingFaceTokenizer(withExactPreTokenizer(plain), config);
    } catch (error) {
      throw badModel('tokenizer.json', 'its tokenizer is not usable', error);
    }
  }

  /** Token ids of a text. Whatever looks like a special token in it is text, and none is put around it. */
  readonly encode = (text: string): number[] =>
    text === '' ? [] : this.#tokenizer.encode(text, { add_special_tokens: false }).ids;

  /** Number of tokens of a text. */
  readonly count = (text: string): number => this.encode(text).length;

  /** Special tokens are left out; text that looks like one is kept. */
  readonly decode = (ids: readonly number[]): string => {
    const plain = ids.filter((id) => !this.#specialIds.has(id));
    return plain.length === 0
      ? ''
      : this.#tokenizer.decode(plain, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  };

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

/**
 * In order; an empty text has none.
 * @param text a reading text
 */
export async function* textPieces(
  text: string,
  tokenizer: Tokenizer,
  { segmentLength }: ModelConfig,
  { checkpoint }: Pick<Job<never>, 'checkpoint'>,
): AsyncGenerator<Piece> {
  if (text === '') return;
  let count = 0;
  for (const piece of pieces(text, tokenizer.encode, segmentLength)) {
    yield piece;
    count += 1;
    if (count % PIECES_PER_CHECK === 0) await checkpoint();
  }
}
