// SHA-256 without crypto.subtle, which pages that are not served over HTTPS lack, and which cannot hash in one go.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/** Lower-case hex of the SHA-256 of the parts, one after the other; a text counts as its UTF-8. */
export function sha256Hex(...parts: readonly (string | Uint8Array)[]): string {
  const hash = sha256.create();
  for (const part of parts) hash.update(typeof part === 'string' ? utf8ToBytes(part) : part);
  return bytesToHex(hash.digest());
}
