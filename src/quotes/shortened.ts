import { isWhite } from './sentences.js';

/** Weight of the longest unit: a character counts 1, one of CJK 3. About 96 tokens. */
export const LONGEST = 400;

const HEAVY = /[\u2e80-\uffff]/;
const CLAUSE = /[,;:\u2013\u2014\u3001\uff0c\uff1b][ \n]?/g;

/** `text[start, end)` in parts of at most `LONGEST`: cut after a clause, else before a word, else anywhere. */
export function* shortened(
  text: string,
  start: number,
  end: number,
): Generator<{ start: number; end: number }> {
  while (end - start > Math.floor(LONGEST / 3)) {
    const limit = limitFrom(text, start, end);
    if (limit >= end) break;
    const cut = cutBefore(text, start, limit);
    let last = cut;
    while (last > start && isWhite(text[last - 1]!)) last -= 1;
    if (last > start) yield { start, end: last };
    start = cut;
    while (start < end && isWhite(text[start]!)) start += 1;
  }
  if (start < end) yield { start, end };
}

function limitFrom(text: string, start: number, end: number): number {
  const longest = Math.min(end, start + LONGEST);
  if (!HEAVY.test(text.slice(start, longest))) return longest;
  let limit = start;
  for (let weight = 0; limit < end && weight < LONGEST; limit += 1)
    weight += text[limit]! >= '\u2e80' ? 3 : 1;
  return limit;
}

function cutBefore(text: string, start: number, limit: number): number {
  const low = start + ((limit - start) >> 1);
  let cut = -1;
  const half = text.slice(low, limit);
  for (const { 0: mark, index } of half.matchAll(CLAUSE)) {
    if (' \n\u3001\uff0c\uff1b'.includes(mark.at(-1)!)) cut = low + index + mark.length;
  }
  if (cut < 0) cut = low + Math.max(half.lastIndexOf(' '), half.lastIndexOf('\n')) + 1;
  if (cut > low) return cut;
  const next = text.charCodeAt(limit);
  return next >= 0xdc00 && next <= 0xdfff ? limit - 1 : limit;
}
