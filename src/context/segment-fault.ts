import { isObject } from '../utils/is-object.js';
import { allFinite, type SoftTokenData } from '../workers/soft-tokens.js';

/** What is wrong with a segment, as in "segment 3 has no token count"; undefined if nothing is. */
export function segmentFault(segment: unknown, hiddenSize: number): string | undefined {
  if (!isObject(segment)) return 'is not an object';
  const { text, hash, tokens, rate, softTokens, restorationLoss, data } = segment;
  if (text !== undefined && typeof text !== 'string') return 'has a text that is not a string';
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) return 'has no content hash';
  if (!isPositive(tokens)) return 'has no token count';
  if (!isPositive(rate)) return 'has no rate';
  if (softTokens !== Math.ceil(tokens / rate)) {
    return `has ${softTokens} soft tokens for ${tokens} tokens at rate ${rate}`;
  }
  if (restorationLoss !== undefined && !isLoss(restorationLoss)) return 'has a restoration loss that is none';
  if (!(data instanceof Float32Array || data instanceof Uint16Array)) return 'has no soft tokens';
  if (data.length !== softTokens * hiddenSize) {
    return `has ${data.length} values instead of ${softTokens} of width ${hiddenSize}`;
  }
  if (!allFinite(data as SoftTokenData)) return 'has values that are not finite';
  return undefined;
}

function isLoss(value: unknown): boolean {
  return (
    isObject(value) && isPositive(value.rate) && Number.isFinite(value.nats) && (value.nats as number) >= 0
  );
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
