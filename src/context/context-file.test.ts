import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GmsaError } from '../errors.js';
import { contexts, RATES } from '../testing/random-contexts.js';
import { sha256Hex } from '../utils/sha256.js';
import { CompressedContext, openContext } from './compressed-context.js';
import type { CompressedSegment, ContextModel } from './context-data.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';

const modelOf = ({ modelName, modelHash, hiddenSize }: CompressedContext): ContextModel => ({
  name: modelName,
  hash: modelHash,
  hiddenSize,
  rates: RATES,
});
const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

const segment: CompressedSegment = {
  text: 'Anna has a cat.',
  hash: sha256Hex('Anna has a cat.'),
  tokens: 5,
  rate: 2,
  softTokens: 3,
  data: Float32Array.of(1, -2, 0.5, 4, 1e-30, 0),
};
const parts = {
  modelName: 'toy',
  modelHash: sha256Hex('toy'),
  dtype: 'fp32' as const,
  hiddenSize: 2,
  sourceHash: sha256Hex('Anna has a cat.'),
  segments: [segment],
  stats: { ms: 12.5, encodedSegments: 1, encodedTokens: 5, reusedSegments: 0 },
};
const context = new CompressedContext(parts);
const model = modelOf(context);

describe('any context', () => {
  test('comes back from its file, with the text only if that was asked for', async () => {
    await fc.assert(
      fc.asyncProperty(contexts, fc.boolean(), async (context, text) => {
        const opened = await openContext(context.toBlob({ text }), modelOf(context));
        const segments = context.segments.map(({ text: own, ...rest }) =>
          text ? { text: own, ...rest } : rest,
        );
        expect(opened).toEqual(new CompressedContext({ ...context, segments }));
      }),
    );
  });

  test('with a flipped bit or a lost end is an error of ours or the same context', async () => {
    const damage = fc.record({
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      bit: fc.integer({ min: 0, max: 7 }),
      cut: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(contexts, damage, async (context, { at, bit, cut }) => {
        const bytes = await bytesOf(context.toBlob({ text: true }));
        const index = Math.floor(at * bytes.length);
        bytes[index]! ^= 1 << bit;
        const damaged = cut ? bytes.slice(0, index) : bytes;
        await openContext(damaged.buffer, modelOf(context)).then(
          (opened) => expect(opened).toEqual(context),
          (error: unknown) => expect(error).toBeInstanceOf(GmsaError),
        );
      }),
      { numRuns: 400 },
    );
  });

  test('is what its structured clone opens as', async () => {
    await fc.assert(
      fc.asyncProperty(contexts, async (context) => {
        const clone = structuredClone(context);
        expect('toBlob' in clone).toBe(false);
        const opened = await openContext(clone, modelOf(context));
        expect(opened).toEqual(context);
        expect(opened.toBlob().size).toBe(context.toBlob().size);
      }),
    );
  });
});

test('every flipped byte and every lost end of one file is CORRUPT_FILE or the same context', async () => {
  const whole = await bytesOf(context.toBlob({ text: true }));
  let same = 0;
  for (let at = 0; at < whole.length; at += 1) {
    const flipped = whole.slice();
    flipped[at]! ^= 0x01;
    await openContext(flipped.buffer, model).then(
      (opened) => {
        expect(opened).toEqual(context);
        same += 1;
      },
      (error: unknown) => expect(error).toMatchObject({ code: 'CORRUPT_FILE' }),
    );
    await expect(openContext(whole.slice(0, at).buffer, model)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
    });
  }
  expect(same).toBeLessThan(8); // the spaces that pad the header
});

test('bytes of any kind are CORRUPT_FILE', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await expect(openContext(Uint8Array.from(bytes).buffer, model)).rejects.toMatchObject({
        code: 'CORRUPT_FILE',
      });
    }),
  );
});

/** The file with its parts edited and its checksum made right again. */
async function forged(edit: (metadata: Map<string, string>, data: Float32Array) => void, shape = [3, 2]) {
  const file = readSafetensors(await bytesOf(context.toBlob()));
  const metadata = new Map(file.metadata);
  const data = new Float32Array(file.tensors.get('soft_tokens')!.data.buffer);
  edit(metadata, data);
  metadata.delete('sha256');
  const entries = [...metadata].sort(([a], [b]) => (a < b ? -1 : 1));
  const bytes = new Uint8Array(data.buffer);
  metadata.set('sha256', sha256Hex(JSON.stringify([entries, 'F32', shape]), bytes));
  const tensors = new Map([['soft_tokens', { type: 'F32' as const, shape, data: bytes }]]);
  return new Blob(writeSafetensors({ tensors, metadata }));
}
const editSegment = (edit: object) => (metadata: Map<string, string>) =>
  metadata.set('segments', JSON.stringify([{ ...JSON.parse(metadata.get('segments')!)[0], ...edit }]));

describe('a file that does not suit', () => {
  test('is none if nothing was edited', async () => {
    expect((await openContext(await forged(() => {}), model)).segments[0]!.data).toEqual(segment.data);
  });

  test.each<[string, Parameters<typeof forged>, RegExp]>([
    ['values that are not finite', [(_, data) => data.fill(Number.NaN, 3, 4)], /not finite/],
    ['another format', [(metadata) => metadata.set('gmsa_context', '2')], /format 2/],
    ['another dtype', [(metadata) => metadata.set('dtype', 'q2')], /dtype q2/],
    ['a model hash that is none', [(metadata) => metadata.set('model_hash', 'x')], /model_hash/],
    ['no source hash', [(metadata) => metadata.delete('source_hash')], /no source_hash/],
    ['segments that are not JSON', [(metadata) => metadata.set('segments', '[{')], /not JSON/],
    ['no segments', [(metadata) => metadata.set('segments', '[]')], /no segments/],
    ['a segment that is null', [(metadata) => metadata.set('segments', '[null]')], /not an object/],
    ['more soft tokens than values', [editSegment({ tokens: 9, softTokens: 5 })], /6 values instead of 5/],
    ['fewer soft tokens than values', [editSegment({ tokens: 3, softTokens: 2 })], /2 of its 3 soft tokens/],
    ['counts that do not fit the rate', [editSegment({ tokens: 9 })], /3 soft tokens for 9 tokens/],
    ['a rate of zero', [editSegment({ rate: 0 })], /no rate/],
    ['a segment without hash', [editSegment({ hash: undefined })], /no content hash/],
    ['stats without numbers', [(metadata) => metadata.set('stats', '{"ms":"1"}')], /stats/],
    ['a loss that is a text', [editSegment({ restorationLoss: { rate: 2, nats: 'a' } })], /restoration loss/],
    ['a loss below 0', [editSegment({ restorationLoss: { rate: 2, nats: -1 } })], /restoration loss/],
    [
      'a loss that is not finite',
      [editSegment({ restorationLoss: { rate: 2, nats: null } })],
      /restoration loss/,
    ],
    ['a loss at no rate', [editSegment({ restorationLoss: { nats: 1 } })], /restoration loss/],
    ['a loss that is a number', [editSegment({ restorationLoss: 1 })], /restoration loss/],
    ['a target of nothing', [(metadata) => metadata.set('target_tokens', '0')], /target of 0/],
    ['another shape', [() => {}, [6]], /\[M, H\]/],
  ])('%s is CORRUPT_FILE', async (_, [edit, shape], message) => {
    await expect(openContext(await forged(edit, shape), model)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringMatching(message),
    });
  });

  test('another model is OTHER_MODEL, naming both; a model of the same hash may have another name', async () => {
    const file = context.toBlob();
    await expect(openContext(file, { ...model, name: 'big', hash: sha256Hex('big') })).rejects.toMatchObject({
      code: 'OTHER_MODEL',
      message: expect.stringMatching(/of model toy .* not of big/),
    });
    expect((await openContext(file, { ...model, name: 'copy' })).modelName).toBe('toy');
  });

  test('another hidden size is OTHER_MODEL', async () => {
    await expect(openContext(context.toBlob(), { ...model, hiddenSize: 64 })).rejects.toMatchObject({
      code: 'OTHER_MODEL',
      message: expect.stringContaining('hidden size 2'),
    });
  });

  test('an unknown rate is BAD_RATE, naming the trained ones', async () => {
    await expect(openContext(context.toBlob(), { ...model, rates: [4, 8] })).rejects.toMatchObject({
      code: 'BAD_RATE',
      fix: expect.stringContaining('4, 8'),
    });
    const loss = editSegment({ restorationLoss: { rate: 3, nats: 1 } });
    await expect(openContext(await forged(loss), model)).rejects.toMatchObject({
      code: 'BAD_RATE',
      message: expect.stringContaining('rate 3'),
    });
  });
});

describe('a value that is no context', () => {
  test.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /is undefined/],
    ['null', null, /is null/],
    ['a text', 'context', /is string/],
    ['an empty object', {}, /no model hash/],
    ['no segments', { ...context, segments: [] }, /no segments/],
    [
      'soft tokens cut off',
      { ...context, segments: [{ ...segment, data: segment.data.slice(1) }] },
      /5 values/,
    ],
    [
      'soft tokens of another kind',
      { ...context, segments: [{ ...segment, data: [1, 2] }] },
      /no soft tokens/,
    ],
  ])('%s is BAD_INPUT', async (_, value, message) => {
    await expect(openContext(value as CompressedContext, model)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(message),
    });
  });
});

test('a context whose soft tokens were transferred away is not saved: BAD_INPUT', async () => {
  const lost = new CompressedContext({ ...parts, segments: [{ ...segment, data: segment.data.slice() }] });
  expect(lost.toBlob().size).toBe(context.toBlob().size);
  structuredClone(lost, { transfer: lost.segments.map(({ data }) => data.buffer) });
  expect(() => lost.toBlob()).toThrow(
    expect.objectContaining({
      code: 'BAD_INPUT',
      message: expect.stringContaining('segment 1 has 0 values'),
    }),
  );
});

test('bytes are opened wherever in a buffer they lie', async () => {
  const file = await bytesOf(context.toBlob());
  const larger = new Uint8Array(file.length + 16);
  larger.set(file, 8);
  for (const view of [larger.subarray(8, -8), new DataView(larger.buffer, 8, file.length)]) {
    expect(await openContext(view, model)).toEqual(await openContext(context.toBlob(), model));
  }
});

test('a file that cannot be read any more is CORRUPT_FILE', async () => {
  const gone = Object.assign(new Blob(['x']), {
    arrayBuffer: () => Promise.reject(new DOMException('moved', 'NotFoundError')),
  });
  await expect(openContext(gone, model)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('moved'),
  });
});

test('a context is frozen, and its rate is that of its segments or tokens per soft token', () => {
  expect(
    Object.isFrozen(context) && Object.isFrozen(context.segments[0]) && Object.isFrozen(context.stats),
  ).toBe(true);
  expect(context).toMatchObject({ rate: 2, tokens: 5, softTokens: 3 });
  const coarse = { ...segment, tokens: 8, rate: 8, softTokens: 1, data: segment.data.slice(0, 2) };
  expect(new CompressedContext({ ...parts, segments: [segment, coarse] }).rate).toBe(13 / 4);
});

test('a text that is not the one that was compressed is CORRUPT_FILE', async () => {
  expect(context.text).toBe('Anna has a cat.');
  const opened = await openContext(context.toBlob({ text: true }), model);
  expect(opened.text).toBe('Anna has a cat.');
  expect((await openContext(context.toBlob(), model)).text).toBeUndefined();

  const other = new CompressedContext({ ...parts, segments: [{ ...segment, text: 'Anna has a dog.' }] });
  expect(() => other.text).toThrow(expect.objectContaining({ code: 'CORRUPT_FILE' }));
  await expect(openContext(other.toBlob({ text: true }), model)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
  });
  expect((await openContext(other.toBlob(), model)).softTokens).toBe(3);
});
