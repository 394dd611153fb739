// With transformers.js' own streamer and criteria, which the options promise to take.
import { readFile } from 'node:fs/promises';
import {
  InterruptableStoppingCriteria,
  MaxLengthCriteria,
  PreTrainedTokenizer,
  StoppingCriteriaList,
  TextStreamer,
} from '@huggingface/transformers';
import { expect, test } from 'vitest';
import { isWatched, type WatchOptions, watchTokens } from './token-watch.js';

const fixture = async (name: string) =>
  JSON.parse(await readFile(new URL(`../../models/fixture/${name}`, import.meta.url), 'utf8'));

async function streamed(skip_prompt: boolean): Promise<string> {
  const tokenizer = new PreTrainedTokenizer(
    await fixture('tokenizer.json'),
    await fixture('tokenizer_config.json'),
  );
  const ids = (text: string) => tokenizer.encode(text, { add_special_tokens: false });
  let text = '';
  const streamer = new TextStreamer(tokenizer, {
    skip_prompt,
    callback_function: (piece: string) => {
      text += piece;
    },
  });
  const watch = watchTokens({ streamer });
  watch.onPrompt(ids('What does Anna have?'));
  for (const id of ids(' a red cat')) expect(watch.onToken(id)).toBe(false);
  watch.onEnd();
  return text;
}

test('a TextStreamer writes the prompt and the text, or the text alone', async () => {
  expect(await streamed(false)).toBe('What does Anna have? a red cat');
  expect(await streamed(true)).toBe(' a red cat');
});

test('a MaxLengthCriteria counts prompt and text', () => {
  const watch = watchTokens({ stoppingCriteria: new MaxLengthCriteria(4) });
  watch.onPrompt([1, 2]);
  expect([watch.onToken(3), watch.onToken(4)]).toEqual([false, true]);
});

test('a list of criteria, an array and a function stop when one of them says so', () => {
  const interrupt = new InterruptableStoppingCriteria();
  const list = new StoppingCriteriaList();
  list.extend([interrupt, new MaxLengthCriteria(9)]);
  for (const stoppingCriteria of [list, [interrupt, () => [false]], interrupt]) {
    interrupt.reset();
    const watch = watchTokens({ stoppingCriteria });
    expect(watch.onToken(1)).toBe(false);
    interrupt.interrupt();
    expect(watch.onToken(2)).toBe(true);
  }
  const seen: number[][][] = [];
  const watch = watchTokens({
    stoppingCriteria: (inputIds) => {
      seen.push(inputIds);
      return inputIds[0]!.at(-1) === 7;
    },
  });
  watch.onPrompt([5]);
  expect([watch.onToken(6), watch.onToken(7)]).toEqual([false, true]);
  expect(seen).toEqual([[[5, 6]], [[5, 6, 7]]]);
});

test('null, which is unset in transformers.js, is unset', () => {
  const unset = { stoppingCriteria: null, streamer: null } as unknown as WatchOptions;
  expect(isWatched(unset)).toBe(false);
  expect(watchTokens(unset).onToken(1)).toBe(false);
});

test.each([
  { stoppingCriteria: {} },
  { stoppingCriteria: [5] },
  { stoppingCriteria: 'stop' },
  { streamer: {} },
  { streamer: { put: () => {} } },
])('%o is BAD_INPUT', (options) => {
  expect(() => watchTokens(options as unknown as WatchOptions)).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT' }),
  );
});

test('a criterion that answers later is BAD_INPUT, not a stop', () => {
  const later = (async () => false) as unknown as NonNullable<WatchOptions['stoppingCriteria']>;
  expect(() => watchTokens({ stoppingCriteria: later }).onToken(1)).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT' }),
  );
});
