import { spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { ROOT } from '../../scripts/lib/repository.mjs';
import { BUDGET_BYTES, describeSizes, measureSizes, totalBytes } from '../../scripts/lib/sizes.mjs';
import { askKnownQuestion, consumer, failInWorker, run, serve, watchConsole } from './consumer.js';

interface Bundler {
  name: string;
  script: string;
  args: string[];
  out: string;
  /** A built page without the library: the framework that it loads is not the library's. */
  except?: string;
}

const bundlers: Bundler[] = [
  { name: 'vite', script: 'vite/bin/vite.js', args: ['build'], out: 'dist' },
  { name: 'webpack', script: 'webpack/bin/webpack.js', args: ['--mode', 'production'], out: 'dist' },
  { name: 'next', script: 'next/dist/bin/next', args: ['build'], out: 'out', except: '404.html' },
];

for (const { name, script, args, out, except } of bundlers) {
  test(`an app built with ${name} answers a question, gets a worker's error with its code, and is within the size budget`, async ({
    page,
  }) => {
    const folder = consumer(name);
    run(folder, script, ...args);
    const sizes = measureSizes(`${folder}/${out}`, { except });
    console.log(describeSizes(`the app built with ${name}`, sizes));
    expect(totalBytes(sizes)).toBeLessThanOrEqual(BUDGET_BYTES);
    const server = await serve(`${folder}/${out}`);
    const complaints = watchConsole(page);
    try {
      await askKnownQuestion(page, server.url);
      expect(complaints).toEqual([]);
      await failInWorker(page);
    } finally {
      await server.close();
    }
  });
}

test("Vite's development server serves the app as well", async ({ page }) => {
  const folder = consumer('vite');
  cpSync(`${ROOT}/models/fixture`, `${folder}/public/models/fixture`, { recursive: true });
  const vite = spawn(process.execPath, [`${folder}/../node_modules/vite/bin/vite.js`], { cwd: folder });
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let said = '';
      vite.stdout.on('data', (chunk) => {
        said += chunk;
        // biome-ignore lint/suspicious/noControlCharactersInRegex: Vite colours the port
        const [found] = /http:\/\/localhost:\d+\//.exec(said.replace(/\x1b\[\d+m/g, '')) ?? [];
        if (found) resolve(found);
      });
      vite.on('exit', () => reject(new Error(said)));
    });
    await askKnownQuestion(page, url);
    await failInWorker(page);
  } finally {
    vite.kill();
  }
});
