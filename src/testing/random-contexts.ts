// For property tests: contexts as compressing would make them, with any finite soft tokens.
import fc from 'fast-check';
import { CompressedContext } from '../context/compressed-context.js';
import type { CompressedSegment } from '../context/context-data.js';
import { sha256Hex } from '../utils/sha256.js';
import type { SoftTokenData } from '../workers/soft-tokens.js';

export const RATES = [2, 4, 8];

const finiteHalf = fc.integer({ min: 0, max: 0xffff }).filter((bits) => (bits & 0x7c00) !== 0x7c00);
const loss = fc.record({
  rate: fc.constantFrom(...RATES),
  nats: fc.double({ min: 0, max: 99, noNaN: true }).map((value) => value + 0), // JSON has no −0
});
const finite = fc.float({ noNaN: true, noDefaultInfinity: true });

function data(half: boolean, length: number): fc.Arbitrary<SoftTokenData> {
  const size = { minLength: length, maxLength: length };
  return half
    ? fc.array(finiteHalf, size).map((values) => Uint16Array.from(values))
    : fc.array(finite, size).map((values) => Float32Array.from(values));
}

function segment(half: boolean, hiddenSize: number): fc.Arbitrary<CompressedSegment> {
  return fc
    .record({
      text: fc.string({ unit: 'grapheme' }),
      tokens: fc.integer({ min: 1, max: 24 }),
      rate: fc.constantFrom(...RATES),
      restorationLoss: fc.option(loss),
    })
    .chain(({ text, tokens, rate, restorationLoss }) => {
      const softTokens = Math.ceil(tokens / rate);
      return data(half, softTokens * hiddenSize).map((values) => ({
        text,
        hash: sha256Hex(text),
        tokens,
        rate,
        softTokens,
        ...(restorationLoss ? { restorationLoss } : {}),
        data: values,
      }));
    });
}

export const contexts: fc.Arbitrary<CompressedContext> = fc
  .record({
    modelName: fc.string({ unit: 'grapheme' }),
    model: fc.string(),
    half: fc.boolean(),
    hiddenSize: fc.integer({ min: 1, max: 5 }),
    ms: fc.double({ min: 0, max: 1e9, noNaN: true }),
    targetTokens: fc.option(fc.integer({ min: 1, max: 9999 }), { nil: undefined }),
  })
  .chain(({ modelName, model, half, hiddenSize, ms, targetTokens }) =>
    fc.array(segment(half, hiddenSize), { minLength: 1, maxLength: 4 }).map(
      (segments) =>
        new CompressedContext({
          modelName,
          modelHash: sha256Hex(model),
          dtype: half ? 'q4f16' : 'fp32',
          hiddenSize,
          targetTokens,
          sourceHash: sha256Hex(...segments.map(({ text }) => text!)),
          segments,
          stats: { ms, encodedSegments: segments.length, encodedTokens: 0, reusedSegments: 0 },
        }),
    ),
  );
