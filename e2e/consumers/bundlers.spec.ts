import { spawn } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@playwright/test';
import { ROOT } from '../../scripts/lib/repository.mjs';
import { BUDGET_BYTES, describeSizes, measureSizes, totalBytes } from '../../scripts/lib/sizes.mjs';
import { askKnownQuestion, consumer, failInWorker, run, serve, watchConsole } from './consumer.js';

interface Bundler {
  name: string;
  script: string;
  args: string[];
  out: string;
  /** The app's own script. */
  source: string;
  /** Where in `out` its scripts are, and a page without the library, if the app stands on a framework. */
  scripts?: string;
  except?: string;
}

const bundlers: Bundler[] = [
  { name: 'vite', script: 'vite/bin/vite.js', args: ['build'], out: 'dist', source: 'main.ts' },
  {
    name: 'webpack',
    script: 'webpack/bin/webpack.js',
    args: ['--mode', 'production'],
    out: 'dist',
    source: 'src/main.js',
  },
  {
    name: 'next',
    script: 'next/dist/bin/next',
    args: ['build'],
    out: 'out',
    source: 'app/page.jsx',
    scripts: '_next/static/chunks',
    except: '404.html',
  },
];

/** What the library adds to a built app. */
function librarySize(folder: string, { name, out, source, scripts = '', except }: Bundler): number {
  const built = join(folder, out);
  const sizes = measureSizes(join(built, scripts), { except: except && join(built, except) });
  const own = gzipSync(readFileSync(join(folder, source))).length;
  console.log(describeSizes(`the app built with ${name}, ${own} bytes its own`, sizes));
  return totalBytes(sizes) - own;
}

for (const bundler of bundlers) {
  const { name, script, args, out } = bundler;
  test(`an app built with ${name} answers a question, gets a worker's error with its code, and is within the size budget`, async ({
    page,
  }) => {
    const folder = consumer(name);
    run(folder, script, ...args);
    expect(librarySize(folder, bundler)).toBeLessThanOrEqual(BUDGET_BYTES);
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
