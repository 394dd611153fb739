// How much of a long text a small edit changes, with real prose (the benchmark's) and a stand-in tokeniser.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentHash, planSegments, sourceHash } from './plan.js';

const json = readFileSync(new URL('../../demo/bench-text.json', import.meta.url), 'utf8');
const { text } = JSON.parse(json) as { text: string };

const vocabulary = new Map<string, number>();
/** Five letters at most a token, white space with what follows it: about as many tokens as a real tokeniser gives. */
function encode(part: string): number[] {
  const tokens = part.match(/\s*[\p{L}\p{N}]{1,5}|\s*[^\s\p{L}\p{N}]|\s+/gu) ?? [];
  return tokens.map((token) => {
    const id = vocabulary.get(token) ?? vocabulary.size;
    vocabulary.set(token, id);
    return id;
  });
}

const LIMIT = 512;
const hashesOf = (whole: string) => planSegments(whole, encode, LIMIT).map(({ ids }) => contentHash(ids));

const name = fc.string({
  unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'),
  minLength: 2,
  maxLength: 9,
});
const sentence = fc
  .tuple(name, name, fc.constantFrom('.', '!', '?'))
  .map(([a, b, end]) => ` Then ${a} met ${b} and nobody was told of it${end}`);

describe.each([
  ['with paragraphs', text],
  ['of one paragraph', text.replace(/\n+/g, ' ')],
])('a text of 8,000 tokens %s', (_, whole) => {
  const prose = whole.slice(0, 31_000);
  const before = new Set(hashesOf(prose));

  test('is in some 25 segments', () => {
    expect(encode(prose).length).toBeGreaterThan(8000);
    expect(before.size).toBeGreaterThan(20);
  });

  test('has at most three new segments after a sentence is put in anywhere', () => {
    fc.assert(
      fc.property(fc.nat({ max: prose.length }), sentence, (at, inserted) => {
        const after = hashesOf(prose.slice(0, at) + inserted + prose.slice(at));
        expect(after.filter((hash) => !before.has(hash)).length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 60 },
    );
  });
});

test('a content hash tells token ids apart, a source hash texts but not their line ends', () => {
  expect(contentHash([1, 2])).not.toBe(contentHash([2, 1]));
  expect(contentHash([258])).not.toBe(contentHash([2, 1]));
  expect(contentHash([1, 2])).toMatch(/^[0-9a-f]{64}$/);
  expect(sourceHash('a\r\nb')).toBe(sourceHash('a\nb'));
  expect(sourceHash('a b')).not.toBe(sourceHash('a\nb'));
});
