// SHA-256. crypto.subtle is fast, but cannot hash in parts, and pages that are not served over HTTPS lack it; the other
// one (about 100 MB/s) has neither limit.
import { sha256 } from '@noble/hashes/sha2.js';

/** Lower-case hex of the SHA-256 of the parts, one after the other; a text counts as its UTF-8. */
export function sha256Hex(...parts: readonly (string | Uint8Array)[]): string {
  const hash = sha256.create();
  for (const part of parts) hash.update(typeof part === 'string' ? new TextEncoder().encode(part) : part);
  return hex(hash.digest());
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Larger Blobs are hashed in parts. Files of a model folder stay below. */
const ONE_PART_BYTES = 64 * 2 ** 20;

/** One Blob at a time, so that no more than one is in memory. */
let turn: Promise<unknown> = Promise.resolve();

/** Lower-case hex of the SHA-256 of a Blob's content. */
export function sha256OfBlob(blob: Blob): Promise<string> {
  const native = globalThis.crypto?.subtle !== undefined && blob.size <= ONE_PART_BYTES;
  const result = turn.then(() => (native ? inOnePart(blob) : inParts(blob)));
  turn = result.catch(() => {});
  return result;
}

async function inOnePart(blob: Blob): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())));
}

async function inParts(blob: Blob): Promise<string> {
  const hash = sha256.create();
  const reader = blob.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return hex(hash.digest());
    hash.update(value);
  }
}
