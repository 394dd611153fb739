// What goes wrong is said in words, with what to do about it, and the page stays usable.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { DemoPage } from './demo-page.js';

const FIXTURE = { model: 'models/fixture/', device: 'wasm' };

test('a model folder that is not there', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open({ model: 'models/no-such-model/' });
  await demo.button('Load the model').click();
  await expect(demo.alerts).toContainText('MODEL_NOT_FOUND');
  await expect(demo.alerts).toContainText('no-such-model');
  await expect(demo.button('Load the model')).toBeEnabled();
});

test('an address that is no model folder', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.route('**/not-a-model/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Welcome</title>' }),
  );
  await demo.open({ model: 'not-a-model/' });
  await demo.button('Load the model').click();
  await expect(demo.alerts).toContainText('BAD_MODEL');
});

test('WebGPU asked for where there is none', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open({ ...FIXTURE, device: 'webgpu' });
  await demo.button('Load the model').click();
  await expect(demo.alerts).toContainText('UNSUPPORTED');
  await expect(demo.alerts).toContainText(/wasm/i);
});

test('an empty question, and then a proper one', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open(FIXTURE);
  await demo.askButton.click();
  await demo.idle();
  await expect(demo.alerts).toContainText('BAD_INPUT');
  await expect(demo.alerts).toContainText('question');
  await demo.question.fill('Who?');
  await demo.askButton.click();
  await demo.idle();
  await expect(demo.alerts).toHaveCount(0);
});

test('an empty text', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open(FIXTURE);
  await demo.text.fill('   ');
  await demo.button('Compress').click();
  await demo.idle();
  await expect(demo.alerts).toContainText('BAD_INPUT');
  await expect(demo.alerts).toContainText('text');
});

test('a text over the window even compressed', async ({ page }) => {
  const demo = new DemoPage(page);
  await demo.open(FIXTURE);
  await demo.load();
  const { gmsa } = JSON.parse(
    readFileSync(new URL('../models/fixture/config.json', import.meta.url), 'utf8'),
  );
  await demo.text.fill('word '.repeat(gmsa.window * Math.max(...gmsa.rates)));
  await demo.button('Compress').click();
  await demo.idle();
  await expect(demo.alerts).toContainText('TOO_LONG');
  await expect(demo.alerts).toContainText(String(gmsa.window));
});

test('loading can be cancelled and started again', async ({ page }) => {
  const demo = new DemoPage(page);
  let hold = true;
  await page.route('**/*.onnx_data', async (route) => {
    if (!hold) await route.continue();
  });
  await demo.open(FIXTURE);
  await demo.button('Load the model').click();
  await page.locator('#cancel-load').click();
  await demo.idle();
  await expect(demo.alerts).toHaveCount(0);
  hold = false;
  await demo.load();
  await expect(page.locator('#model-status')).toContainText('WebAssembly');
});
