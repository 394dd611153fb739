// IEEE 754 half precision in plain arithmetic: Float16Array is missing from Node 20 and from older browsers.

const scratch = new DataView(new ArrayBuffer(4));

/** Bits of the half-precision number nearest to `value`, ties to even. */
export function toFloat16Bits(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and above, infinity
  const exponent = magnitude >>> 23;
  if (exponent < 102) return sign; // below half of the smallest subnormal
  // Significand with its leading one, and how many of its low bits do not fit.
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const dropped = exponent >= 113 ? 13 : 126 - exponent;
  const kept = significand >>> dropped;
  const rest = significand & ((1 << dropped) - 1);
  const half = 1 << (dropped - 1);
  const rounded = kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0);
  // A normal number's leading one adds itself to the exponent; a carry out of the significand does so too.
  return sign | (exponent >= 113 ? ((exponent - 113) << 10) + rounded : rounded);
}

/** The number that half-precision bits stand for. */
export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** Half-precision bits of each number. */
export function float16FromFloat32(values: Float32Array): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, toFloat16Bits);
}

export function float32FromFloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, fromFloat16Bits);
}
