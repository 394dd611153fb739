import { spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { ROOT } from '../../scripts/lib/repository.mjs';
import { BUDGET_BYTES, describeSizes, measureSizes, totalBytes } from '../../scripts/lib/sizes.mjs';
import { askKnownQuestion, consumer, failInWorker, run, serve, watchConsole } from './consumer.js';

const bundlers = [
  { name: 'vite', script: 'vite/bin/vite.js', args: ['build'], out: 'dist', small: true },
  {
    name: 'webpack',
    script: 'webpack/bin/webpack.js',
    args: ['--mode', 'production'],
    out: 'dist',
    small: true,
  },
  { name: 'next', script: 'next/dist/bin/next', args: ['build'], out: 'out', small: false }, // Next and React weigh more than the library
];

for (const { name, script, args, out, small } of bundlers) {
  test(`an app built with ${name} answers a question, and gets a worker's error with its code`, async ({
    page,
  }) => {
    const folder = consumer(name);
    run(folder, script, ...args);
    if (small) {
      const sizes = measureSizes(`${folder}/${out}`);
      console.log(describeSizes(`the app built with ${name}`, sizes));
      expect(totalBytes(sizes)).toBeLessThanOrEqual(BUDGET_BYTES);
    }
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
