// @huggingface/tokenizers reads two pre-tokenizers differently from the tokenizers library that trained the model
// (seen with 0.2.0): its Digits knows only 0–9, where the original takes every numeric character (², ½, ٣),
// and its ByteLevel uses JavaScript's \s, which has U+FEFF and lacks U+0085. Both can be said by Split, whose patterns it
// translates rightly.

interface PreTokenizer {
  type: string;
  [key: string]: unknown;
}

/** The GPT-2 pattern, as ByteLevel has it built in. */
const BYTE_LEVEL_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const split = (regex: string): PreTokenizer => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
});

/** The same tokenizer.json, its pre-tokenizer written so that it splits as the original does. */
export function withExactPreTokenizer(tokenizer: object): object {
  const { pre_tokenizer } = tokenizer as { pre_tokenizer?: PreTokenizer | null };
  return pre_tokenizer ? { ...tokenizer, pre_tokenizer: exact(pre_tokenizer) } : tokenizer;
}

function exact(one: PreTokenizer): PreTokenizer {
  if (one.type === 'Sequence') {
    return { ...one, pretokenizers: (one.pretokenizers as PreTokenizer[]).map(exact) };
  }
  if (one.type === 'Digits') return split(one.individual_digits ? '\\p{N}' : '\\p{N}+');
  if (one.type === 'ByteLevel' && one.use_regex !== false && !one.add_prefix_space) {
    return { type: 'Sequence', pretokenizers: [split(BYTE_LEVEL_WORDS), { ...one, use_regex: false }] };
  }
  return one;
}
