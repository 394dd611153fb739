import { expect, test } from 'vitest';
import { directOutput, unlessRefusal } from './output.js';

const REFUSAL = 'The text does not say.';

/** Tokens are words, by number; what is told is collected, `stopAt`: a token to stop after. */
function kept(words: readonly string[], { stopAt = -1 } = {}) {
  const told: string[] = [];
  const asked: number[] = [];
  const sink = (write: (chunk: string) => void) => ({
    put: (id: number) => write(words[id]!),
    end: () => {},
  });
  let opened = 0;
  const open = () => {
    opened += 1;
    return directOutput(
      sink((chunk) => told.push(chunk)),
      (id) => {
        asked.push(id);
        return id === stopAt;
      },
    );
  };
  return { output: unlessRefusal(REFUSAL, open, sink), told, asked, opened: () => opened };
}

async function say(
  words: readonly string[],
  options: { stopAt?: number; stoppedBy?: 'end' | 'length' } = {},
) {
  const { output, told, asked, opened } = kept(words, options);
  const heard: string[] = [];
  for (const id of words.keys()) {
    const stopped = await output.put(id);
    heard.push(told.join(''));
    if (stopped) {
      return { told: told.join(''), heard, asked, ids: output.ids, stoppedBy: await output.end('criteria') };
    }
  }
  const stoppedBy = await output.end(options.stoppedBy ?? 'end');
  return { told: told.join(''), heard, asked, ids: output.ids, stoppedBy, opened: opened() };
}

test('a refusal is never told of', async () => {
  const result = await say([' The', ' text', ' does', ' not', ' say', '.', '\n']);
  expect(result).toMatchObject({ told: '', ids: [], asked: [], stoppedBy: undefined, opened: 0 });
});

test('an answer is told of from the word on that no refusal has', async () => {
  const { heard, ids, stoppedBy } = await say([' The', ' text', ' is', ' about', ' kilns']);
  expect(heard).toEqual(['', '', ' The text is', ' The text is about', ' The text is about kilns']);
  expect(ids).toEqual([0, 1, 2, 3, 4]);
  expect(stoppedBy).toBe('end');
});

test('an answer that the refusal begins with is told of when it ends', async () => {
  expect(await say([' The', ' text'])).toMatchObject({ told: ' The text', ids: [0, 1], stoppedBy: 'end' });
});

test('an answer that begins with the refusal is one', async () => {
  const words = [...REFUSAL.split(/(?= )/), ' But', ' I', ' guess'];
  expect(await say(words)).toMatchObject({ told: words.join(''), stoppedBy: 'end' });
});

test('a refusal that was cut short is one, and so is silence', async () => {
  expect(await say([' The', ' text'], { stoppedBy: 'length' })).toMatchObject({ stoppedBy: undefined });
  expect(await say([])).toMatchObject({ stoppedBy: undefined, ids: [] });
});

test('who stops at a token that was kept back gets nothing behind it', async () => {
  const early = await say([' The', ' text', ' is', ' long'], { stopAt: 1 });
  expect(early).toMatchObject({ told: ' The text', ids: [0, 1], asked: [0, 1], stoppedBy: 'criteria' });
  const atEnd = await say([' The', ' text'], { stopAt: 0 });
  expect(atEnd).toMatchObject({ told: ' The', ids: [0], stoppedBy: 'criteria' });
});
