import { PreTrainedTokenizer, TextStreamer } from '@huggingface/transformers';
import { badModel } from '../model-folder/checks.js';
import type { TokenizerFiles } from '../model-folder/model-folder.js';
import { withExactPreTokenizer } from './pre-tokenizer.js';

export class Tokenizer {
  readonly #tokenizer: PreTrainedTokenizer;

  /** @throws GmsaError `BAD_MODEL` */
  constructor({ tokenizer, config }: TokenizerFiles) {
    try {
      this.#tokenizer = new PreTrainedTokenizer(withExactPreTokenizer(tokenizer), config);
    } catch (error) {
      throw badModel('tokenizer.json', 'its tokenizer cannot be used', error);
    }
  }

  /** Token ids, without special tokens around them. */
  readonly encode = (text: string): number[] =>
    text === '' ? [] : this.#tokenizer.encode(text, { add_special_tokens: false });

  /**
   * Turns token ids into text as they come, never splitting a character that several tokens make up.
   * @param write called with each piece, in order
   */
  stream(write: (piece: string) => void): { put(id: number): void; end(): void } {
    const streamer = new TextStreamer(this.#tokenizer, {
      callback_function: write,
      skip_special_tokens: true,
      decode_kwargs: { clean_up_tokenization_spaces: false },
    });
    // The streamer prints a prompt, its first `put`, whole.
    streamer.next_tokens_are_prompt = false;
    return { put: (id) => streamer.put([[BigInt(id)]]), end: () => streamer.end() };
  }
}
