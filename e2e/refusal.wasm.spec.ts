// A model that was trained to say that a text does not hold the answer: the tiny one, as if one of its answers were that.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { DemoPage } from './demo-page.js';

const read = (file: string) =>
  JSON.parse(readFileSync(new URL(`../models/fixture/${file}`, import.meta.url), 'utf8'));

test('an answer that is the refusal is shown as none, another as an answer', async ({ page }) => {
  const [refused, answered] = read('examples.json').examples;
  expect(answered.answer).not.toBe(refused.answer);
  const config = read('config.json');
  config.gmsa.refusal = refused.answer;
  const body = JSON.stringify(config);
  const manifest = read('manifest.json');
  const entry = manifest.files.find(({ path }: { path: string }) => path === 'config.json');
  entry.bytes = Buffer.byteLength(body);
  entry.sha256 = createHash('sha256').update(body).digest('hex');
  await page.route('**/fixture/config.json', (route) => route.fulfill({ body }));
  await page.route('**/fixture/manifest.json', (route) => route.fulfill({ json: manifest }));

  const demo = new DemoPage(page);
  await demo.open({ model: 'models/fixture/', device: 'wasm' });
  for (const { text, question, answer } of [answered, refused]) {
    await demo.text.fill(text);
    expect((await demo.ask(question)).answer).toBe(answer);
  }
  const [latest, before] = [0, 1].map((i) => page.locator('#answers li').nth(i));
  await expect(latest!.locator('.refusal')).toHaveText(refused.answer);
  await expect(latest!).toContainText('found no answer in the text');
  await expect(before!.locator('.refusal')).toHaveCount(0);
  await expect(before!).not.toContainText('found no answer in the text');
});
