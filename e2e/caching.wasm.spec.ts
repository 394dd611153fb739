// A model that was loaded once stays in the browser until the reader removes it.
import { expect, test } from '@playwright/test';
import { DemoPage } from './demo-page.js';

const FIXTURE = { model: 'models/fixture/', device: 'wasm' };

test('a model that was loaded is there on the next visit, also without its server, until it is removed', async ({
  page,
}) => {
  const demo = new DemoPage(page);
  const cacheStatus = page.locator('#cache-status');
  const remove = demo.button('Remove the model from this browser');
  await demo.open(FIXTURE);
  await expect(cacheStatus).toContainText(/To download, once: [\d.]+ MB/);
  await expect(remove).toBeHidden();
  await demo.load();
  await expect(cacheStatus).toContainText('loads without a download');

  await page.route('**/models/**', (route) => route.abort('internetdisconnected'));
  await demo.open(FIXTURE);
  await expect(cacheStatus).toContainText('loads without a download');
  await demo.load();
  await expect(page.locator('#model-status')).toContainText('WebAssembly');

  await page.unroute('**/models/**');
  await remove.click();
  await expect(cacheStatus).toContainText('To download');
  await expect(remove).toBeHidden();
});
