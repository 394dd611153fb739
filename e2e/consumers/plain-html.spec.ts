// A page without a bundler: on its own origin, under a strict policy, with threads, and with the library on another origin.
import { cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { askKnownQuestion, consumer, failInWorker, serve, watchConsole } from './consumer.js';

const folder = consumer('plain-html');
const published = join(folder, '../node_modules/gmsa-web/dist/browser');

test.beforeAll(() => cpSync(published, join(folder, 'gmsa-web'), { recursive: true }));

/** A copy of the app whose script is changed. */
function changed(name: string, change: (script: string) => string): string {
  const copy = join(folder, '..', name);
  cpSync(folder, copy, { recursive: true });
  const script = readFileSync(join(folder, 'main.js'), 'utf8');
  const after = change(script);
  expect(after).not.toBe(script);
  writeFileSync(join(copy, 'main.js'), after);
  return copy;
}

/** Lets ONNX Runtime see many cores, and says so whenever a worker starts a thread. */
async function countThreads(page: Page): Promise<string[]> {
  const threads: string[] = [];
  page.on('console', (message) => {
    if (message.text() === 'a thread starts') threads.push(message.text());
  });
  await page.route('**/gmsa.worker.js', async (route) => {
    const response = await route.fetch();
    const watch = `Object.defineProperty(navigator, 'hardwareConcurrency', { value: 4 });
      self.Worker = class extends Worker { constructor(...a) { super(...a); console.log('a thread starts'); } };`;
    await route.fulfill({ response, body: watch + (await response.text()) });
  });
  return threads;
}

test('one folder of files is enough, and no header either', async ({ page }) => {
  const server = await serve(folder);
  const complaints = watchConsole(page);
  const threads = await countThreads(page);
  try {
    await askKnownQuestion(page, server.url);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(threads).toEqual([]);
    expect(complaints).toEqual([]);
    await failInWorker(page);
  } finally {
    await server.close();
  }
});

test('a cross-origin isolated page uses wasm threads', async ({ page }) => {
  const server = await serve(folder, { isolated: true });
  const complaints = watchConsole(page);
  const threads = await countThreads(page);
  try {
    await askKnownQuestion(page, server.url);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(threads.length).toBeGreaterThan(0);
    expect(complaints).toEqual([]);
  } finally {
    await server.close();
  }
});

test('a strict Content-Security-Policy is enough', async ({ page }) => {
  const policy =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; base-uri 'none'";
  const server = await serve(folder, { headers: { 'Content-Security-Policy': policy } });
  const complaints = watchConsole(page);
  try {
    await askKnownQuestion(page, server.url);
    expect(complaints).toEqual([]);
  } finally {
    await server.close();
  }
});

test('the library may come from another origin, under a policy that names it', async ({ page }) => {
  const cdn = await serve(join(folder, 'gmsa-web'), { headers: { 'Access-Control-Allow-Origin': '*' } });
  const site = changed('cdn', (script) => script.replace('./gmsa-web/', cdn.url));
  const policy = `default-src 'none'; script-src 'self' ${cdn.url} 'wasm-unsafe-eval'; worker-src blob: ${cdn.url}; connect-src 'self' ${cdn.url}`;
  const server = await serve(site, { headers: { 'Content-Security-Policy': policy } });
  const complaints = watchConsole(page);
  try {
    await askKnownQuestion(page, server.url);
    expect(complaints).toEqual([]);
  } finally {
    await Promise.all([server.close(), cdn.close()]);
  }
});

test('worker and wasm may be served from wherever the page says', async ({ page }) => {
  const moved = changed('moved', (script) =>
    script.replace(
      'Gmsa.load(model, {',
      `Gmsa.load(model, {
        worker: (name) => new Worker('/workers/library.js#' + name, { type: 'module' }),
        wasmPaths: { wasm: '/wasm/onnxruntime.wasm', jspi: { wasm: '/wasm/onnxruntime-jspi.wasm' } },`,
    ),
  );
  cpSync(join(moved, 'gmsa-web'), join(moved, 'workers'), {
    recursive: true,
    filter: (path) => !/wasm$/.test(path),
  });
  const move = (from: string, to: string) => {
    cpSync(join(moved, 'gmsa-web', from), join(moved, to));
    renameSync(join(moved, 'gmsa-web', from), join(moved, 'gmsa-web', `no-more-${from}`));
  };
  move('gmsa.worker.js', 'workers/library.js');
  move('ort-wasm-simd-threaded.asyncify.wasm', 'wasm/onnxruntime.wasm');
  move('ort-wasm-simd-threaded.jspi.wasm', 'wasm/onnxruntime-jspi.wasm');
  const server = await serve(moved);
  const complaints = watchConsole(page);
  try {
    await askKnownQuestion(page, server.url);
    expect(complaints).toEqual([]);
  } finally {
    await server.close();
  }
});
