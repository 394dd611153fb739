import { describe, expect, it } from 'vitest';
import { cutToTokens, spread } from './bench-run.js';

describe('benchmark', () => {
  it('gives the median with its spread', () => {
    expect(spread([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
    expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  });

  it('cuts a text after the last word that fits', async () => {
    const countWords = async (text: string) => (text === '' ? 0 : text.trim().split(/\s+/).length);
    expect(await cutToTokens('one two  three four', 3, countWords)).toBe('one two  three');
    expect(await cutToTokens('one two', 9, countWords)).toBe('one two');
    expect(await cutToTokens('one', 0, countWords)).toBe('');
  });
});
