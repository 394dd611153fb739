// Soft tokens as page and workers hand them to each other.

/** Soft tokens as the graphs give and take them: f32 values, or the bits of f16 values. */
export type SoftTokenData = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** Whether no value is NaN or infinite. */
export function allFinite(values: SoftTokenData): boolean {
  return values instanceof Uint16Array
    ? values.every((bits) => (bits & 0x7c00) !== 0x7c00)
    : values.every(Number.isFinite);
}

/** The soft tokens of one segment. */
export interface ContextSegment {
  tokens: number;
  softTokens: number;
  /** [softTokens, H] */
  data: SoftTokenData;
}

/** The soft tokens of one segment and the token ids that they stand for. */
export interface TokenisedSegment extends Omit<ContextSegment, 'tokens'> {
  ids: readonly number[];
}
