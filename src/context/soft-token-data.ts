import type { SoftTokenData } from '../protocol.js';

/** Whether no value is NaN or infinite. */
export function allFinite(values: SoftTokenData): boolean {
  return values instanceof Uint16Array
    ? values.every((bits) => (bits & 0x7c00) !== 0x7c00)
    : values.every(Number.isFinite);
}
