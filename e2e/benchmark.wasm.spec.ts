// The benchmark page by hand, with the tiny model: it ends, and its figures belong together. No time is asserted.
import { expect, test } from '@playwright/test';

test('the benchmark shows a table and a chart', async ({ page }) => {
  await page.goto('bench.html?model=models/fixture/&device=wasm');
  await page.getByLabel('Text tokens').fill('128');
  await page.getByLabel('Rates').fill('2,4');
  await page.getByLabel('Repetitions').fill('2');
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(page.getByRole('status')).toHaveText('Done.', { timeout: 120_000 });
  await expect(page.locator('tbody tr')).toHaveCount(3);
  await expect(page.locator('figure svg text.label')).toHaveText([
    'original prompt',
    '2x, first question',
    '2x, second question',
    '4x, first question',
    '4x, second question',
  ]);
});

test('a rate that was not trained is said in words', async ({ page }) => {
  await page.goto('bench.html?model=models/fixture/&device=wasm');
  await page.getByLabel('Text tokens').fill('64');
  await page.getByLabel('Rates').fill('3');
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(page.locator('.error:visible')).toContainText('BAD_RATE');
});
