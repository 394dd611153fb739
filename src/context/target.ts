import { GmsaError } from '../errors.js';
import type { CompressionTarget } from '../workers/compressor/api.js';
import type { ContextData } from './compressed-context.js';

/**
 * How far to compress, from what the caller asked for.
 * @throws GmsaError `BAD_RATE`; `BAD_INPUT` for both, or for a number of soft tokens that is none
 */
export function compressionTarget(
  { rate, targetTokens }: { rate?: number; targetTokens?: number },
  { rates, defaultRate }: { rates: readonly number[]; defaultRate: number },
): CompressionTarget {
  if (targetTokens === undefined) {
    const wanted = rate ?? defaultRate;
    if (rates.includes(wanted)) return { rate: wanted };
    throw new GmsaError(
      'BAD_RATE',
      `The model was not trained for rate ${wanted}.`,
      `Use one of its trained rates: ${rates.join(', ')}.`,
    );
  }
  if (rate !== undefined) {
    throw new GmsaError(
      'BAD_INPUT',
      `Both rate (${rate}) and targetTokens (${targetTokens}) are given.`,
      'Give one of them: the rate follows from targetTokens.',
    );
  }
  if (Number.isSafeInteger(targetTokens) && targetTokens > 0) return { targetTokens };
  throw new GmsaError(
    'BAD_INPUT',
    `targetTokens is ${targetTokens}.`,
    'Give the number of soft tokens that the text may become: a positive integer.',
  );
}

/** What a context was compressed to. */
export function targetOf({ targetTokens, segments }: ContextData): { rate?: number; targetTokens?: number } {
  return targetTokens === undefined ? { rate: segments[0]!.rate } : { targetTokens };
}
