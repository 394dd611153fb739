// Which rate each segment gets where the caller says how many soft tokens there may be.
import { GmsaError } from '../errors.js';
import { softTokenCount } from '../window.js';

/** @throws GmsaError `TOO_LONG`, naming what would fit, if the highest rate gives more soft tokens than `budget` */
export function lowestRateWithin(
  segmentTokens: readonly number[],
  budget: number,
  rates: readonly number[],
): number {
  const fitting = rates.find((rate) => softTokenCount(segmentTokens, rate) <= budget);
  if (fitting !== undefined) return fitting;
  const tokens = segmentTokens.reduce((sum, n) => sum + n, 0);
  const highest = rates.at(-1)!;
  const fewest = softTokenCount(segmentTokens, highest);
  throw new GmsaError(
    'TOO_LONG',
    `${tokens} tokens of text become ${fewest} soft tokens at the highest rate, ${highest}: over the target of ${budget}.`,
    `Set targetTokens to ${fewest} or more, or shorten the text to about ${budget * highest} tokens.`,
  );
}

/** Soft tokens that a segment takes more at the lower rate than at the higher one. */
function extraCost(tokens: number, { coarse, fine }: { coarse: number; fine: number }): number {
  return Math.ceil(tokens / fine) - Math.ceil(tokens / coarse);
}

/** Whether the budget allows the lower rate for any segment. */
export function anyFits(
  segmentTokens: readonly number[],
  budget: number,
  rates: { coarse: number; fine: number },
) {
  const left = budget - softTokenCount(segmentTokens, rates.coarse);
  return segmentTokens.some((tokens) => {
    const cost = extraCost(tokens, rates);
    return cost > 0 && cost <= left;
  });
}

export interface MeasuredSegment {
  tokens: number;
  /** What merging its hidden states loses at the higher and at the lower rate, from 0 to 1. */
  loss: { coarse: number; fine: number };
}

/**
 * Gives segments the lower of two rates while the budget lasts: first those for which a further soft token saves most
 * of what merging loses. In the end no segment is left whose lower rate would still fit.
 * @param budget at least what all segments take at the higher rate, `coarse`
 * @returns of each segment its rate
 */
export function shareBudget(
  segments: readonly MeasuredSegment[],
  budget: number,
  { coarse, fine }: { coarse: number; fine: number },
): number[] {
  const rates = segments.map(() => coarse);
  let left =
    budget -
    softTokenCount(
      segments.map(({ tokens }) => tokens),
      coarse,
    );
  const candidates = segments
    .map(({ tokens, loss }, index) => {
      const cost = extraCost(tokens, { coarse, fine });
      return { index, cost, gain: (tokens * (loss.coarse - loss.fine)) / cost };
    })
    .filter(({ cost }) => cost > 0);
  candidates.sort((a, b) => b.gain - a.gain || a.index - b.index);
  for (const { index, cost } of candidates) {
    if (cost > left) continue;
    rates[index] = fine;
    left -= cost;
  }
  return rates;
}
