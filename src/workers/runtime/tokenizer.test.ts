import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Tokenizer } from './tokenizer.js';

const json = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const tokenizerOf = (model: string) =>
  new Tokenizer({
    tokenizer: json(`../../../models/${model}/tokenizer.json`),
    config: json(`../../../models/${model}/tokenizer_config.json`),
  });
const tokenizer = tokenizerOf('fixture');

function streamed(ids: number[]): string[] {
  const chunks: string[] = [];
  const stream = tokenizer.stream((chunk) => chunks.push(chunk));
  for (const id of ids) stream.put(id);
  stream.end();
  return chunks;
}

test.each([
  'Anna has a red cat. Tom has a blue dog.',
  'naïve café — “quoted” … 10 €',
  'emoji 👩‍👩‍👧‍👦 and 🏳️‍🌈, 雪国は美しい。 שלום עולם',
  ' leading, trailing and   several spaces \n\n and\ttabs ',
  '雪国',
  '\0',
])('"%s" survives tokenising and streaming, and no character is split', (text) => {
  const ids = tokenizer.encode(text);
  const chunks = streamed(ids);
  expect(chunks.join('')).toBe(text);
  for (const chunk of chunks) expect(chunk).not.toContain('\ufffd');
});

test('text comes while it is generated, not at the end', () => {
  const chunks = streamed(tokenizer.encode('one two three four five six seven'));
  expect(chunks.length).toBeGreaterThan(3);
});

test('a chunk never waits for the word after it', () => {
  const ids = tokenizer.encode('one two');
  const chunks: string[] = [];
  const stream = tokenizer.stream((chunk) => chunks.push(chunk));
  for (const id of ids) stream.put(id);
  expect(chunks.join('')).toBe('one two');
});

test('bytes that make up no character are written as such at the end', () => {
  const [first] = tokenizer.encode('雪');
  expect(streamed([first!])).toEqual(['\ufffd']);
});

test('no special token is put around a text, and an empty text has no tokens', () => {
  expect(tokenizer.encode('')).toEqual([]);
  expect(tokenizer.encode('a')).toHaveLength(1);
  expect(streamed([])).toEqual([]);
});

describe('what looks like a special token', () => {
  const { cases } = json('./tokenizer-vectors.json') as { cases: { text: string; ids: number[] }[] };
  const shipped = tokenizerOf('gmsa-smollm2-135m');

  test.each(cases)('is text, as in the tokenizers library: $text', ({ text, ids }) => {
    expect(shipped.encode(text)).toEqual(ids);
    expect(shipped.count(text)).toBe(ids.length);
    expect(shipped.decode(ids)).toBe(text);
    expect(shipped.tokenTexts(ids).join('')).toBe(text);
  });

  test('added tokens that are not special stay tokens', () => {
    const files = {
      tokenizer: json('../../../models/fixture/tokenizer.json'),
      config: json('../../../models/fixture/tokenizer_config.json'),
    };
    const added = { ...files.tokenizer.added_tokens[0], id: 512, content: '<unit>', special: false };
    files.tokenizer.added_tokens.push(added);
    const ids = new Tokenizer(files).encode('a<unit>');
    expect(ids.at(-1)).toBe(512);
    expect(new Tokenizer(files).decode(ids)).toBe('a<unit>');
  });
});

test('special tokens are not written', () => {
  const [a] = tokenizer.encode('a');
  expect(streamed([a!, 2, a!]).join('')).toBe('aa');
});

test('a tokenizer that cannot be used is BAD_MODEL', () => {
  expect(() => new Tokenizer({ tokenizer: { model: {} }, config: {} })).toThrow(
    expect.objectContaining({ code: 'BAD_MODEL' }),
  );
});

/** A byte-level tokenizer whose only merges join a space or another U+FEFF to the first byte of what follows. */
function smallTokenizer(): Tokenizer {
  const tokens = ['Ġ', 'Â', '½', 'ï', '»', '¿', 'ĠÂ', 'Ġï', 'a', '¿Ġ'];
  const tokenizer = {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [
        ['Ġ', 'Â'],
        ['Ġ', 'ï'],
        ['¿', 'Ġ'],
      ],
    },
  };
  return new Tokenizer({ tokenizer, config: { tokenizer_class: 'PreTrainedTokenizer' } });
}

test('numeric characters beyond 0–9 stand alone, as in the tokenizers library', () => {
  expect(smallTokenizer().encode(' ½')).toEqual([0, 1, 2]); // not [6, 2]
});

test('U+FEFF is no white space, as in the tokenizers library', () => {
  expect(smallTokenizer().encode(' \ufeffa')).toEqual([7, 4, 5, 8]); // " \ufeff" is one stretch: no letters
});
