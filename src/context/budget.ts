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

/** A trained rate and the next lower one. */
export interface RatePair {
  coarse: number;
  fine: number;
}

/** Soft tokens that a segment takes more at the lower rate than at the higher one. */
function extraCost(tokens: number, { coarse, fine }: RatePair): number {
  return Math.ceil(tokens / fine) - Math.ceil(tokens / coarse);
}

/** Whether the budget allows the lower rate for any segment. */
export function anyFits(segmentTokens: readonly number[], budget: number, rates: RatePair): boolean {
  const left = budget - softTokenCount(segmentTokens, rates.coarse);
  return segmentTokens.some((tokens) => {
    const cost = extraCost(tokens, rates);
    return cost > 0 && cost <= left;
  });
}

export interface MeasuredSegment {
  tokens: number;
  /** A token, at the higher rate; at least 0. */
  loss: number;
}

/**
 * Gives segments the lower of two rates within the budget, such that they lose as much as possible at the higher one:
 * the sum of `tokens · loss` over them is the largest there is. No segment is left whose lower rate would still fit; one
 * that has as many soft tokens at either rate stays at the higher.
 *
 * An exact knapsack: time and bytes in the order of segments × soft tokens left.
 * @param budget at least what all segments take at the higher rate, `coarse`
 * @returns of each segment its rate; the same for the same input, the first ones preferred among equals
 */
export function shareBudget(segments: readonly MeasuredSegment[], budget: number, rates: RatePair): number[] {
  const lengths = segments.map(({ tokens }) => tokens);
  let left = budget - softTokenCount(lengths, rates.coarse);
  const items = segments
    .map(({ tokens, loss }, index) => ({ index, cost: extraCost(tokens, rates), value: tokens * loss }))
    .filter(({ cost }) => cost > 0);

  /** By soft tokens at most: the largest value of the items so far. */
  const best = new Float64Array(left + 1);
  /** Of each item, by soft tokens at most: whether that value takes it. */
  const takes = items.map(({ cost, value }) => {
    const taken = new Uint8Array(left + 1);
    for (let room = left; room >= cost; room -= 1) {
      const total = best[room - cost]! + value;
      if (total <= best[room]!) continue;
      best[room] = total;
      taken[room] = 1;
    }
    return taken;
  });

  const shared = segments.map(() => rates.coarse);
  const take = ({ index, cost }: { index: number; cost: number }) => {
    shared[index] = rates.fine;
    left -= cost;
  };
  for (let i = items.length - 1; i >= 0; i -= 1) if (takes[i]![left]) take(items[i]!);
  // Those without loss, which add nothing to any value.
  for (const item of items) if (shared[item.index] !== rates.fine && item.cost <= left) take(item);
  return shared;
}
