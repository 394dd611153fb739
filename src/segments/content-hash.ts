import { sha256Hex } from '../utils/sha256.js';
import { normalise } from './normalise.js';

/**
 * SHA-256 of a segment's token ids (32 bits each, little-endian), in hex. Of the ids, not of the text: they alone
 * determine the soft tokens, and where an over-long sentence was cut, the same text may have other ids.
 */
export function contentHash(ids: readonly number[]): string {
  return sha256Hex(new Uint8Array(Uint32Array.from(ids).buffer));
}

/** SHA-256 of the normalised text in UTF-8, in hex. */
export function sourceHash(text: string): string {
  return sha256Hex(normalise(text));
}
