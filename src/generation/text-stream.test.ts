import { expect, test } from 'vitest';
import { deferred } from '../utils/deferred.js';
import { GrowingList } from '../utils/growing-list.js';
import type { AnswerResult, GenerationResult } from '../workers/decoder/api.js';
import { answerStreamOf, textStreamOf } from './text-stream.js';

const result = { tokenIds: [1, 2], stats: { newTokens: 2 } } as GenerationResult;

async function collect(stream: AsyncIterable<string>): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function streamBy(work: (push: (item: string) => void) => Promise<GenerationResult>) {
  const list = new GrowingList<string, GenerationResult>();
  list.endWith(work(list.push));
  return textStreamOf(list);
}

test('chunks come as they are made, and generation starts unasked', async () => {
  const gate = deferred<void>();
  const stream = streamBy(async (push) => {
    push('a');
    await gate.promise;
    push('b');
    push('c');
    return result;
  });
  const iterator = stream[Symbol.asyncIterator]();
  expect(await iterator.next()).toEqual({ done: false, value: 'a' });
  gate.resolve();
  expect(await iterator.next()).toEqual({ done: false, value: 'b' });
  expect(await iterator.next()).toEqual({ done: false, value: 'c' });
  expect((await iterator.next()).done).toBe(true);
});

test('iterating twice, text, stats and token ids all see the whole', async () => {
  const stream = streamBy(async (push) => {
    for (const chunk of ['one ', 'two ', 'three']) {
      push(chunk);
      await new Promise((resolve) => setTimeout(resolve));
    }
    return result;
  });
  const [first, second, text, stats, ids] = await Promise.all([
    collect(stream),
    collect(stream),
    stream.text(),
    stream.stats,
    stream.tokenIds,
  ]);
  expect(first).toEqual(['one ', 'two ', 'three']);
  expect(second).toEqual(first);
  expect(text).toBe('one two three');
  expect(stats).toBe(result.stats);
  expect(ids).toEqual([1, 2]);
  expect(await collect(stream)).toEqual(first);
});

test('a failure reaches each reader after the chunks that came before it', async () => {
  const failure = new Error('broken');
  const stream = streamBy(async (push) => {
    push('begun');
    throw failure;
  });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const chunk of stream) seen.push(chunk);
  })();
  await expect(reading).rejects.toBe(failure);
  expect(seen).toEqual(['begun']);
  await expect(stream.text()).rejects.toBe(failure);
  await expect(stream.stats).rejects.toBe(failure);
  await expect(stream.tokenIds).rejects.toBe(failure);
});

test('an answer also gives what it rests on', async () => {
  const quotes = [{ text: 'Ada', start: 3, end: 6, score: 1 }];
  const support = { source: { start: 3, end: 6 }, parts: [], isSupported: true };
  const list = new GrowingList<string, AnswerResult>();
  list.endWith(Promise.resolve({ ...result, quotes, support }));
  const stream = answerStreamOf(list);
  expect(await stream.quotes).toBe(quotes);
  expect(await stream.support).toBe(support);
  expect(await stream.tokenIds).toEqual([1, 2]);
  expect(Object.keys(stream)).toEqual(
    expect.arrayContaining(['text', 'stats', 'tokenIds', 'quotes', 'support']),
  );

  const failure = new Error('broken');
  const failing = new GrowingList<string, AnswerResult>();
  failing.endWith(Promise.reject(failure));
  await expect(answerStreamOf(failing).quotes).rejects.toBe(failure);
  await expect(answerStreamOf(failing).support).rejects.toBe(failure);
});
