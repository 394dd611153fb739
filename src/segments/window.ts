// The decoder's window: whether a compressed text, a question and its answer fit, and which rate would make them fit.
import { GmsaError } from '../errors.js';

/** Tokens that an answer may have, unless the caller says otherwise. */
export const DEFAULT_NEW_TOKENS = 64;

/** Soft tokens of segments at a rate: each segment's last group may be ragged. */
export function softTokenCount(segmentTokens: readonly number[], rate: number): number {
  return segmentTokens.reduce((sum, tokens) => sum + Math.ceil(tokens / rate), 0);
}

export interface WindowUse {
  /** Tokens of each segment. */
  segmentTokens: readonly number[];
  rate: number;
  /** Of all segments, where they have rates of their own; otherwise they follow from `rate`. */
  softTokens?: number;
  /** All other positions: prefix, question and answer. */
  others: number;
}

/** @throws GmsaError `TOO_LONG`, its fix naming the smallest trained rate that would fit, or what else takes the room */
export function checkFits(
  { segmentTokens, rate, softTokens = softTokenCount(segmentTokens, rate), others }: WindowUse,
  { window, rates }: { window: number; rates: readonly number[] },
): void {
  if (softTokens + others <= window) return;
  const tokens = segmentTokens.reduce((sum, n) => sum + n, 0);
  const message =
    `${tokens} tokens of text become ${softTokens} soft tokens at rate ${Number(rate.toFixed(2))}. With ${others} positions for the ` +
    `question and its answer, they exceed the limit of ${window} positions.`;
  const fitting = rates.find((r) => softTokenCount(segmentTokens, r) + others <= window);
  const highest = rates.at(-1)!;
  const room = Math.max(0, window - others) * highest;
  throw new GmsaError(
    'TOO_LONG',
    message,
    others >= window
      ? 'Ask a shorter question or for fewer new tokens. They exceed the limit by themselves.'
      : fitting === undefined
        ? `No trained rate fits. Shorten the text to about ${room} tokens and use rate ${highest}.`
        : `Compress the text at rate ${fitting}, which fits.`,
  );
}
