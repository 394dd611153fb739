import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wordDiff } from './word-diff.js';

const kept = (parts: ReturnType<typeof wordDiff>, without: 'added' | 'removed') =>
  parts
    .filter(({ kind }) => kind !== without)
    .map(({ text }) => text)
    .join(' ');
const squeezed = (text: string) => text.split(/\s+/).filter(Boolean).join(' ');

describe('word difference', () => {
  it('marks a changed word', () => {
    expect(wordDiff('the quick brown fox', 'the quick red fox')).toEqual([
      { kind: 'same', text: 'the quick' },
      { kind: 'removed', text: ' brown' },
      { kind: 'added', text: ' red' },
      { kind: 'same', text: ' fox' },
    ]);
  });

  it('takes different white space between the same words for no difference', () => {
    expect(wordDiff('a\nb', 'a b')).toEqual([{ kind: 'same', text: 'a b' }]);
  });

  it('handles empty texts', () => {
    expect(wordDiff('', '')).toEqual([]);
    expect(wordDiff('', 'a')).toEqual([{ kind: 'added', text: 'a' }]);
    expect(wordDiff('a', '')).toEqual([{ kind: 'removed', text: 'a' }]);
  });

  it('gives both texts back', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 })
      .map((list) => list.join(' '));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const parts = wordDiff(before, after);
        expect(squeezed(kept(parts, 'added'))).toBe(squeezed(before));
        expect(squeezed(kept(parts, 'removed'))).toBe(after);
      }),
    );
  });

  it('does not compare very long texts word by word', () => {
    const many = (prefix: string) =>
      Array.from({ length: 5000 }, (_, index) => `${prefix}${index}`).join(' ');
    expect(wordDiff(many('x'), many('y')).map(({ kind }) => kind)).toEqual(['removed', 'added']);
  });
});
