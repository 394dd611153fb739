// The trained model on wasm, through the demo page: one short article, three questions, the known answers.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { scoreAnswer } from '../scripts/lib/squad-metrics.mjs';
import { DemoPage } from './demo-page.js';

const MODEL = 'models/gmsa-smollm2-135m/';
const { examples } = JSON.parse(readFileSync(new URL('../demo/examples.json', import.meta.url), 'utf8'));

test('three questions about an article are answered from its soft tokens', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open({ model: MODEL, device: 'wasm' });
  const [article] = examples;
  await demo.button(article.title).click();
  await expect(demo.text).toHaveValue(article.text);
  await demo.load();
  for (const { question, answers } of article.questions.slice(0, 3)) {
    const { answer } = await demo.ask(question);
    expect(scoreAnswer(answer, answers).accuracy, `${question} → ${answer}`).toBe(1);
  }
  // One segment, at the default rate of 4.
  const [tokens, softTokens] = (await demo.compressStatus.textContent())!.match(/\d+/g)!.map(Number);
  expect(softTokens).toBe(Math.ceil(tokens! / 4));
});
