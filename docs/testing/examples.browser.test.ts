// Runs every TypeScript example of the README and the guides against the fixture, as a page would.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import known from '../../models/fixture/examples.json';
import { Gmsa } from '../../src/index.js';

interface Example {
  line: number;
  code: string;
  run: () => Promise<unknown>;
}

const pages = import.meta.glob<Example[]>(['../../README.md', '../guide/*.md'], {
  query: '?examples',
  import: 'default',
  eager: true,
});
const examples = Object.entries(pages).flatMap(([page, list]) =>
  list.map((example) => ({ name: `${page.replace(/^(\.\.\/)+/, '')}, line ${example.line}`, ...example })),
);

// What the examples take for granted, as e2e/consumers/types/globals.d.ts declares it.
const { text, question, answer } = known.examples[0]!;
const gmsa = await Gmsa.load('/models/fixture/');
const context = await gmsa.compress(text);
const output = document.createElement('div');
document.body.append(output);
Object.assign(globalThis, { text, question, output, gmsa, context });

const load = vi.spyOn(Gmsa, 'load');
const log = vi.spyOn(console, 'log').mockImplementation(() => {});

beforeEach(() => {
  output.replaceChildren();
  vi.clearAllMocks();
});

afterEach(async () => {
  const loaded = await Promise.all(load.mock.results.map(({ value }) => value as Promise<Gmsa>));
  await Promise.all(loaded.map((one) => one.dispose()));
});

/** What is not as in the page, for examples that hold a word. */
const EXCEPTIONS: Record<string, string> = {
  temperature: 'the answer is not compared, since it is sampled',
  crossOriginWorker: "the worker starts from the page's own origin, since the test server has no built one",
};

test('the README and most guides have examples', () => {
  expect(new Set(examples.map(({ name }) => name.split(',')[0])).size).toBeGreaterThan(7);
});

test.each(examples)('$name', async ({ name, code, run }) => {
  await run();
  const shown = `${output.textContent}\n${log.mock.calls.flat().join(' ')}`.trim();
  if (/output\.|console\.log/.test(code)) expect(shown).not.toBe('');
  const exception = Object.entries(EXCEPTIONS).find(([word]) => code.includes(word))?.[1];
  if (exception) console.info(`${name}: ${exception}`);
  else if (/\bquestion\b/.test(code)) expect(shown).toContain(answer);
});
