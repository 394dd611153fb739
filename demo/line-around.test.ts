import { describe, expect, it } from 'vitest';
import { lineAround } from './line-around.js';

const place = (text: string, part: string) => {
  const start = text.indexOf(part);
  return lineAround(text, { start, end: start + part.length });
};

describe('the line around an answer', () => {
  it('ends at line feeds and at the ends of the text', () => {
    expect(place('one\n  two three four \nfive', 'three')).toEqual({
      before: 'two ',
      marked: 'three',
      after: ' four',
    });
    expect(place('one', 'one')).toEqual({ before: '', marked: 'one', after: '' });
    expect(place('\none\n', 'one')).toEqual({ before: '', marked: 'one', after: '' });
  });

  it('is of several lines where the answer is', () => {
    expect(place('a b\nc d\ne', 'b\nc')).toEqual({ before: 'a ', marked: 'b\nc', after: ' d' });
  });

  it('is cut where it is long', () => {
    const { before, marked, after } = place(`${'x '.repeat(400)}here${' y'.repeat(400)}`, 'here');
    expect(marked).toBe('here');
    expect(before.length + marked.length + after.length).toBeLessThanOrEqual(302);
    expect(before).toMatch(/^….*x $/);
    expect(after).toMatch(/^ y.*…$/);
  });
});
