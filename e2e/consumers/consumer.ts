import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';
import { ROOT } from '../../scripts/lib/repository.mjs';
import { startStaticServer } from '../../scripts/lib/static-server.mjs';

interface Known {
  text: string;
  question: string;
  answer: string;
}

/** A text and a question that the tiny model answers exactly. */
export const known: Known = JSON.parse(readFileSync(join(ROOT, 'models/fixture/examples.json'), 'utf8'))
  .examples[0];

/** The folder of an installed copy of an example. */
export const consumer = (name: string): string => join(process.env.GMSA_CONSUMERS!, name);

/** Runs an installed command line, such as a bundler's, and says how long it took. */
export function run(folder: string, script: string, ...args: string[]): void {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(process.env.GMSA_CONSUMERS!, 'node_modules', script), ...args],
    { cwd: folder, encoding: 'utf8', env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' } },
  );
  expect(status, `${stdout}${stderr}`).toBe(0);
  console.log(`${script} ${args.join(' ')}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

/** Serves a built app with the repository's models. The caller closes it. */
export const serve = (folder: string, options: Parameters<typeof startStaticServer>[1] = {}) =>
  startStaticServer({ '/': folder, '/models/': join(ROOT, 'models') }, options);

/** Everything a page says that it should not. */
export function watchConsole(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    const asked = message.location().url;
    if (message.type() === 'error' && !asked.endsWith('/favicon.ico'))
      complaints.push(`${message.text()} ${asked}`);
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return complaints;
}

/** `output` has the role of a status as well. */
const status = (page: Page) => page.locator('p[role=status]');

/** Asks the known question in an example's page, and expects the known answer. */
export async function askKnownQuestion(page: Page, url: string): Promise<void> {
  await page.goto(`${url}?model=${encodeURIComponent('/models/fixture/')}`);
  await page.getByLabel('Text').fill(known.text);
  await page.getByLabel('Question').fill(known.question);
  await page.getByRole('button', { name: 'Ask' }).click();
  const ended = /tokens → \d+ soft tokens|Error|^[A-Z_]+:/;
  await expect(status(page)).toHaveText(ended);
  expect(await status(page).textContent()).toMatch(/^\d+ tokens → \d+ soft tokens$/);
  await expect(page.locator('output')).toHaveText(known.answer);
}

/** An error that a worker throws arrives whole: what carries it must not be shaken off by the bundler. */
export async function failInWorker(page: Page): Promise<void> {
  await page.getByLabel('Text').fill('word '.repeat(50_000));
  await page.getByRole('button', { name: 'Ask' }).click();
  await expect(status(page)).toHaveText(/^TOO_LONG: .*limit/);
}
