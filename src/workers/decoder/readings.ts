// Worker only. What a question is read with, and which of several readings gives the answer: the arbiter.
import type { ModelConfig } from '../../model-folder/model-config.js';
import { type Quote, renderQuotes } from '../../quotes/select.js';
import type { Note, ReadingName } from './api.js';
import type { QuotableText } from './quotable-text.js';

/** One way to read. */
export interface Reading {
  name: ReadingName;
  /** Places in the reading text. */
  quotes: readonly Quote[];
  /** As the model reads them; empty without quotes. */
  quoted: string;
  quotedTokens: number;
}

export interface ReadingRequest {
  /** 'auto', or tokens that quotes may take; undefined or 0: soft tokens alone. */
  quotes: 'auto' | number | undefined;
  /** Undefined if the context has lost it. */
  text: QuotableText | undefined;
  /** As it is read. */
  question: string;
  count: (text: string) => number;
  /** Positions that the window leaves beside prefix, templates, question and answer. */
  room: number;
  softTokens: number;
}

type ReadingConfig = Pick<ModelConfig, 'quoteTemplate' | 'wholeTextTokens' | 'quoteTokens' | 'readings'>;

const SOFT: Reading = { name: 'soft', quotes: [], quoted: '', quotedTokens: 0 };

/**
 * The readings to try, at least one, each until an answer is not the refusal; the last one's answer stands.
 *
 * A text that fits the budget is read whole. Where the question points nowhere in the text, or the window has no room
 * beside the soft tokens, quotes are left out.
 */
export function planReadings(
  { quotes, text, question, count, room, softTokens }: ReadingRequest,
  { quoteTemplate, wholeTextTokens, quoteTokens, readings: names }: ReadingConfig,
): { readings: Reading[]; notes: Note[] } {
  if (quotes === undefined || quotes === 0) return { readings: [SOFT], notes: [] };
  if (quoteTemplate === undefined) {
    return { readings: [SOFT], notes: quotes === 'auto' ? [] : ['NO_QUOTES'] };
  }
  if (!text) return { readings: [SOFT], notes: ['NO_TEXT'] };

  const select = (name: ReadingName, budget: number): Reading => {
    const chosen = budget > 0 ? text.select(question, budget, count) : [];
    const quoted = renderQuotes(chosen).trimEnd();
    return quoted === '' ? SOFT : { name, quotes: chosen, quoted, quotedTokens: count(quoted) };
  };
  const whole = Math.min(quotes === 'auto' ? wholeTextTokens : quotes, room);
  const isShort = fits(text.text, whole, count);
  const budget = isShort ? whole : Math.min(quotes === 'auto' ? quoteTokens : quotes, room);
  const readings = names[isShort ? 'short' : 'long'].map((name) => {
    if (name === 'soft') return SOFT;
    return select(name, name === 'both' ? Math.min(budget, room - softTokens) : budget);
  });
  return { readings: readings.filter((one, i) => !(one === SOFT && readings.indexOf(SOFT) < i)), notes: [] };
}

/** UTF-16 code units that a token may be expected to hold; a longer text is not counted. */
const LONGEST_TOKEN = 16;

function fits(text: string, tokens: number, count: (text: string) => number): boolean {
  return text.length <= tokens * LONGEST_TOKEN && count(text) <= tokens;
}

/** Whether soft tokens stand before the question. */
export const readsSoftTokens = ({ name }: Reading): boolean => name === 'soft' || name === 'both';

/**
 * The arbiter: reads one way after the other until there is an answer.
 * @param read generates from one reading; gives undefined where `mayRefuse` does not hold and it found no answer
 */
export async function firstAnswer<A>(
  readings: readonly Reading[],
  read: (reading: Reading, mayRefuse: boolean) => Promise<A | undefined>,
): Promise<A> {
  for (const reading of readings.slice(0, -1)) {
    const answer = await read(reading, false);
    if (answer !== undefined) return answer;
  }
  return (await read(readings.at(-1)!, true))!;
}
