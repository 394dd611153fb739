/** White space as docs/formats/segmentation.md defines it: the classes of regular-expression engines differ between languages. */
const WHITE_SPACE = '\\u0009-\\u000D\\u0020\\u00A0\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000';

/** One run of white space; sticky (`y`) or global (`g`) use needs a fresh instance, hence a function. */
export function whiteSpaceRun(flags: 'g' | 'y'): RegExp {
  return new RegExp(`[${WHITE_SPACE}]+`, flags);
}

/** What a reading text has no visible trace of (reading-text.ts). */
const INVISIBLE =
  '\\u0085\\u00AD\\u061C\\u1680\\u200B-\\u200F\\u202A-\\u202E\\u2060-\\u2064\\u2066-\\u2069\\uFEFF';
const VISIBLE = new RegExp(`[^${WHITE_SPACE}${INVISIBLE}]`);

/** True where a text has nothing to read: white space and invisible characters alone. */
export function isBlank(text: string): boolean {
  return !VISIBLE.test(text);
}

/** Lone surrogates become U+FFFD, every kind of line end becomes a line feed. Nothing else changes. */
export function normalise(text: string): string {
  return text.toWellFormed().replace(/\r\n?/g, '\n');
}
