// Which rate each segment gets: the one asked for, or, where the caller says how many soft tokens there may be, the lower
// of two where the decoder would lose most.
import { GmsaError } from '../../errors.js';
import { softTokenCount } from '../../segments/window.js';
import type { CompressionTarget, RestorationLoss } from './api.js';

export interface Allocation {
  rate: number;
  /** At the higher of the two rates that were allocated from, where there were two. */
  restorationLoss?: RestorationLoss;
}

/** Allocates rates to the segments of one text. */
export class RateAllocator {
  readonly #lengths: readonly number[];
  readonly #budget: number;
  /** The higher rate, or the only one. */
  readonly rate: number;
  /** The next lower one, where it fits any segment. */
  readonly #fine: number | undefined;

  /**
   * @param lengths tokens of each segment
   * @param room positions of the decoder for soft tokens
   * @param rates trained ones, ascending
   * @throws GmsaError `TOO_LONG` if no rate keeps to the number of soft tokens
   */
  constructor(
    lengths: readonly number[],
    target: CompressionTarget,
    { room, rates }: { room: number; rates: readonly number[] },
  ) {
    this.#lengths = lengths;
    if ('rate' in target) {
      this.#budget = room;
      this.rate = target.rate;
      return;
    }
    this.#budget = Math.min(target.targetTokens, room);
    this.rate = lowestRateWithin(lengths, this.#budget, rates);
    const fine = rates[rates.indexOf(this.rate) - 1];
    if (fine !== undefined && anyFits(lengths, this.#budget, { coarse: this.rate, fine })) this.#fine = fine;
  }

  /** Whether `allocate` needs the restoration losses of all segments at `rate`. */
  get needsLosses(): boolean {
    return this.#fine !== undefined;
  }

  /** @param losses of each segment at `rate`, in nats a token, if `needsLosses` */
  allocate(losses: readonly number[]): Allocation[] {
    const { rate: coarse } = this;
    if (this.#fine === undefined) return this.#lengths.map(() => ({ rate: coarse }));
    const measured = this.#lengths.map((tokens, index) => ({ tokens, loss: losses[index]! }));
    return shareBudget(measured, this.#budget, { coarse, fine: this.#fine }).map((rate, index) => ({
      rate,
      restorationLoss: { rate: coarse, nats: losses[index]! },
    }));
  }
}

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
    `${tokens} tokens of text become ${fewest} soft tokens even at the highest rate, ${highest}. The target is ${budget}.`,
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
 * the sum of `tokens · loss` over them is the largest there is. Of equal sums the one that holds the first segment is
 * taken, then the second, and so on; so no segment is left whose lower rate would still fit. One that has as many soft
 * tokens at either rate stays at the higher.
 *
 * An exact knapsack: time and bytes in the order of segments × soft tokens left. Its reference
 * is training/scripts/rate_allocation.py; both test suites read rate-allocation-vectors.json.
 * @param budget at least what all segments take at the higher rate, `coarse`
 * @returns of each segment its rate; the same for the same input
 */
export function shareBudget(segments: readonly MeasuredSegment[], budget: number, rates: RatePair): number[] {
  const lengths = segments.map(({ tokens }) => tokens);
  let left = budget - softTokenCount(lengths, rates.coarse);
  const costs = lengths.map((tokens) => extraCost(tokens, rates));

  /** By soft tokens at most: the largest sum of the segments from here on. */
  const best = new Float64Array(left + 1);
  /** Of each segment, by soft tokens at most: whether that sum takes it. */
  const takes = segments.map(() => new Uint8Array(left + 1));
  for (let i = segments.length - 1; i >= 0; i -= 1) {
    const cost = costs[i]!;
    if (cost === 0) continue;
    const value = segments[i]!.tokens * segments[i]!.loss;
    for (let room = left; room >= cost; room -= 1) {
      const total = value + best[room - cost]!;
      if (total < best[room]!) continue;
      best[room] = total;
      takes[i]![room] = 1;
    }
  }
  return segments.map((_, i) => {
    if (!takes[i]![left]) return rates.coarse;
    left -= costs[i]!;
    return rates.fine;
  });
}
