// Shows where an answer stands in the text, and what of it does not.
import type { AnswerSupport, GenerationStats } from '../src/index.js';
import { create } from './dom.js';
import { lineAround } from './line-around.js';

/** Puts the line of the text that an answer stands in, or the values that stand nowhere in it, behind the answer. */
export function showSource(
  answer: HTMLElement,
  text: string | undefined,
  support: AnswerSupport | undefined,
) {
  if (text === undefined || !support) return;
  const { source, parts } = support;
  const place = source ?? parts.find((part) => part.source)?.source;
  const missing = source ? [] : parts.filter((part) => !part.source).map((part) => part.text);
  if (missing.length > 0) {
    answer.after(create('p', { className: 'note', text: `Not in the text: ${missing.join(', ')}.` }));
  }
  if (!place) return;
  const { before, marked, after } = lineAround(text, place);
  const line = create('p', { className: 'source-line' });
  line.append(before, create('mark', { text: marked }), after);
  answer.after(line);
}

/** What an answer was read from, as in "24 tokens of the text". */
export function readTokens({ reading, softTokens, quotedTokens }: GenerationStats): string {
  const parts = softTokens > 0 ? [`${softTokens} soft tokens`] : [];
  if (quotedTokens > 0)
    parts.push(`${quotedTokens} tokens of the text${reading === 'whole' ? ', all of it' : ''}`);
  return parts.join(' and ');
}
