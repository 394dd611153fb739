// What the trained fixture is known to answer and restore (models/fixture/examples.json), through the whole library.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gmsa } from '../../index.js';
import { FIXTURE_URL } from '../fixture.js';

interface Examples {
  rate: number;
  examples: { text: string; question: string; answer: string }[];
  restore: string[];
}

const response = await fetch(new URL('../../../models/fixture/examples.json', import.meta.url));
const { rate, examples, restore } = (await response.json()) as Examples;

describe.each(['wasm', 'webgpu'] as const)('on %s', (device) => {
  let gmsa: Gmsa;
  beforeAll(async () => {
    gmsa = await Gmsa.load(FIXTURE_URL, { device });
  });
  afterAll(() => gmsa.dispose());

  test('every listed question is answered from the soft tokens', async () => {
    const answers = [];
    for (const { text, question } of examples) {
      const context = await gmsa.compress(text, { rate });
      answers.push(await gmsa.ask(context, question).text());
    }
    expect(answers).toEqual(examples.map(({ answer }) => answer));
  });

  test('every listed text is restored from the soft tokens', async () => {
    const restored = [];
    for (const text of restore) restored.push(await gmsa.restore(await gmsa.compress(text, { rate })).text());
    expect(restored).toEqual(restore);
  });
});
