/** A line of a text, and the part of it that is meant. */
export interface MarkedLine {
  before: string;
  marked: string;
  after: string;
}

/** Longest line that is shown whole, in UTF-16 code units; of a longer one, what stands around the place. */
const LONGEST = 300;

/** The line that a place of a text is in; of several lines the first to the last. */
export function lineAround(text: string, { start, end }: { start: number; end: number }): MarkedLine {
  const from = text.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = text.indexOf('\n', end);
  const to = lineEnd < 0 ? text.length : lineEnd;
  const room = Math.max(0, LONGEST - (end - start)) / 2;
  const before = text.slice(from, start).trimStart();
  const after = text.slice(end, to).trimEnd();
  return {
    before: before.length > room ? `…${before.slice(before.length - room)}` : before,
    marked: text.slice(start, end),
    after: after.length > room ? `${after.slice(0, room)}…` : after,
  };
}
