// The tiny fixture model on WebGPU (software adapter), through the demo page. It was trained on a closed set of
// sentences until it answers and restores them exactly.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { DemoPage } from './demo-page.js';

interface Known {
  /** At which the answers and texts are exact. */
  rate: number;
  examples: { text: string; question: string; answer: string }[];
  restore: string[];
}

const { rate, examples, restore }: Known = JSON.parse(
  readFileSync(new URL('../models/fixture/examples.json', import.meta.url), 'utf8'),
);
const ON_WEBGPU = { model: 'models/fixture/', device: 'webgpu' };

test('the fixture is loaded onto WebGPU, with its size in bytes', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open(ON_WEBGPU);
  await demo.load();
  await expect(page.locator('#model-status')).toHaveText(
    /fixture · WebGPU on google swiftshader · fp32 · [\d.]+ MB/,
  );
  await expect(demo.rate(rate)).toBeChecked();
});

test('questions about a text are answered exactly, the second one from the kept context', async ({
  page,
}) => {
  const demo = new DemoPage(page);
  await demo.open(ON_WEBGPU);
  await demo.load();
  const [first] = examples;
  await demo.text.fill(first!.text);
  await demo.button('Compress').click();
  await expect(demo.compressStatus).toHaveText(/^\d+ tokens → \d+ soft tokens \(\d\.\d× fewer\), in .*s$/);
  const one = await demo.ask(first!.question);
  expect(one.answer).toBe(first!.answer);
  await expect(page.locator('#answers .source-line mark')).toHaveText(first!.answer);
  // Prefilled while it was compressed, or not yet.
  expect(one.figures).toMatch(
    /^\d+ soft tokens · .+s to the first token · .+s per token( · context kept from before)?$/,
  );
  const again = await demo.ask(first!.question);
  expect(again.answer).toBe(first!.answer);
  expect(again.figures).toContain('context kept from before');
});

test('several texts, one after the other, are answered exactly', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open(ON_WEBGPU);
  const known = examples.slice(1, 4);
  expect(known).toHaveLength(3);
  for (const { text, question, answer } of known) {
    await demo.text.fill(text);
    expect((await demo.ask(question)).answer).toBe(answer);
  }
});

test('a text is restored word by word from its soft tokens', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open(ON_WEBGPU);
  await demo.text.fill(restore[0]!);
  expect(await demo.restore()).toBe(restore[0]);
  await expect(page.locator('#restore-status')).toHaveText(/^(\d+) of \1 words came back/);
  await expect(page.locator('#comparison del, #comparison ins')).toHaveCount(0);
});

test('cancelling a restoration leaves the page usable', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open(ON_WEBGPU);
  await demo.load();
  const { text, question, answer } = examples[0]!;
  await demo.text.fill(Array.from({ length: 30 }, () => text).join(' '));
  await demo.button('Restore the text').click();
  await page.locator('#cancel-restore').click();
  await demo.idle();
  await expect(demo.alerts).toHaveCount(0);
  await demo.text.fill(text);
  expect((await demo.ask(question)).answer).toBe(answer);
});
