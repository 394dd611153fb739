import { expect, test } from 'vitest';
import { CpuLogits } from './logits.js';
import { tokenChooser } from './token-chooser.js';

const logits = () => new CpuLogits(Float32Array.of(1, 5, 4.5, 4));

test('greedy is the argmax, without what is masked', async () => {
  const choose = tokenChooser({});
  expect(await choose(logits(), [], [])).toBe(1);
  expect(await choose(logits(), [], [1])).toBe(2);
});

test('a repetition penalty passes over what was seen, if it is likely enough', async () => {
  const choose = tokenChooser({ repetitionPenalty: 1.2 });
  expect(await choose(logits(), [], [])).toBe(1);
  expect(await choose(logits(), [1], [])).toBe(2);
  expect(await choose(logits(), [1, 2], [])).toBe(1);
  expect(await choose(logits(), [1], [2])).toBe(1);
});

test('nothing that is masked is ever drawn', async () => {
  const choose = tokenChooser({ sampling: { temperature: 5, topK: 0, topP: 1, seed: 3 } });
  const drawn = new Set<number>();
  for (let i = 0; i < 200; i += 1) drawn.add(await choose(logits(), [], [1]));
  expect(drawn).toEqual(new Set([0, 2, 3]));
});
