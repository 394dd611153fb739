import { expect, test } from 'vitest';
import { deferred } from '../utils/deferred.js';
import { GrowingList } from '../utils/growing-list.js';
import type { CompressedContext } from './compressed-context.js';
import { compressionOf, compressionTarget, contextOf } from './compression.js';
import type { CompressedSegment } from './context-data.js';

const segment = (text: string) => ({ text }) as CompressedSegment;
const context = { softTokens: 3 } as CompressedContext;

function compressionBy(work: (push: (item: CompressedSegment) => void) => Promise<CompressedContext>) {
  const list = new GrowingList<CompressedSegment, CompressedContext>();
  list.endWith(work(list.push));
  return compressionOf(list);
}

test('segments come as they are finished, and again from the beginning; awaiting gives the context', async () => {
  const gate = deferred<void>();
  const compression = compressionBy(async (push) => {
    push(segment('one'));
    await gate.promise;
    push(segment('two'));
    return context;
  });
  const iterator = compression[Symbol.asyncIterator]();
  expect((await iterator.next()).value).toEqual(segment('one'));
  gate.resolve();
  expect((await iterator.next()).value).toEqual(segment('two'));
  expect((await iterator.next()).done).toBe(true);
  expect(await compression).toBe(context);
  const again: string[] = [];
  for await (const { text } of compression) again.push(text!);
  expect(again).toEqual(['one', 'two']);
});

test('a failure rejects whoever awaits or iterates, after the segments before it', async () => {
  const compression = compressionBy(async (push) => {
    push(segment('one'));
    throw new Error('lost');
  });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { text } of compression) seen.push(text!);
  })();
  await expect(reading).rejects.toThrow('lost');
  expect(seen).toEqual(['one']);
  await expect(compression).rejects.toThrow('lost');
  expect(await compression.catch(() => 'caught')).toBe('caught');
  let cleaned = false;
  await compression
    .finally(() => {
      cleaned = true;
    })
    .catch(() => {});
  expect(cleaned).toBe(true);
});

test('a failure that nobody looks at is not reported as unhandled', async () => {
  const seen: unknown[] = [];
  const listen = (reason: unknown) => seen.push(reason);
  process.on('unhandledRejection', listen);
  compressionBy(() => Promise.reject(new Error('ignored')));
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', listen);
  expect(seen).toEqual([]);
});

test('whoever waits for a context that is ready keeps the order, compression or not', async () => {
  const compression = compressionBy(async () => context);
  await compression;
  const order: string[] = [];
  const wait = async (name: string, target: Parameters<typeof contextOf<CompressedContext>>[0]) => {
    expect(await contextOf(target)).toBe(context);
    order.push(name);
  };
  await Promise.all([wait('first', compression), wait('second', context), wait('third', compression)]);
  expect(order).toEqual(['first', 'second', 'third']);
});

const model = { rates: [2, 4, 8], defaultRate: 4 };

test('is the rate, the number of soft tokens, or the default rate', () => {
  expect(compressionTarget({ rate: 8 }, model)).toEqual({ rate: 8 });
  expect(compressionTarget({ targetTokens: 100 }, model)).toEqual({ targetTokens: 100 });
  expect(compressionTarget({}, model)).toEqual({ rate: 4 });
});

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  'targetTokens %f is BAD_INPUT',
  (targetTokens) => {
    expect(() => compressionTarget({ targetTokens }, model)).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringContaining(String(targetTokens)) }),
    );
  },
);

test('both at once are BAD_INPUT, an untrained rate is BAD_RATE', () => {
  expect(() => compressionTarget({ rate: 4, targetTokens: 9 }, model)).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT', fix: expect.stringContaining('one of them') }),
  );
  expect(() => compressionTarget({ rate: 3 }, model)).toThrow(
    expect.objectContaining({ code: 'BAD_RATE', fix: expect.stringContaining('2, 4, 8') }),
  );
});
