// npm run build: dist/ as it is published. tsc writes the modules that bundlers take; rolldown writes dist/browser/, a
// folder that a page without a bundler imports as it is: import maps do not reach into workers.
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { ROOT } from './lib/repository.mjs';

const dist = join(ROOT, 'dist');
const browser = join(dist, 'browser');

rmSync(dist, { recursive: true, force: true });
const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(ROOT, 'tsconfig.build.json')];
if (spawnSync(process.execPath, tsc, { stdio: 'inherit' }).status !== 0) process.exit(1);

/** A page without a bundler may take the library from another origin, such as a CDN. */
const startWorkersAnywhere = {
  name: 'start-workers-anywhere',
  resolveId: (id) =>
    id.endsWith('/start-worker.js') ? join(dist, 'workers/start-worker-anywhere.js') : null,
};

const bundle = await rolldown({
  input: {
    gmsa: join(dist, 'index.js'),
    'gmsa.worker': join(dist, 'workers/gmsa.worker.js'),
  },
  platform: 'browser',
  external: /^onnxruntime-web\//,
  plugins: [startWorkersAnywhere],
});
const runtimeFile = (id) => basename(fileURLToPath(import.meta.resolve(id)));
const { output } = await bundle.write({
  dir: browser,
  format: 'esm',
  minify: true,
  entryFileNames: '[name].js',
  chunkFileNames: 'shared-[name].js', // by page and worker: a browser fetches it once
  // A file of its own, from whose address ONNX Runtime finds its wasm and starts its threads.
  paths: (id) => (id.startsWith('onnxruntime-web/') ? `./${runtimeFile(id)}` : id),
});

const runtimes = output
  .flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
  .map((path) => basename(path))
  .filter((file) => file.startsWith('ort.'));
const installed = fileURLToPath(new URL('.', import.meta.resolve('onnxruntime-web/webgpu')));
for (const runtime of new Set(runtimes)) {
  const [wasm] = /ort-wasm-simd-threaded\.\w+\.wasm/.exec(readFileSync(join(installed, runtime), 'utf8'));
  // The last is the loader that ONNX Runtime takes instead of its own where the page is on another origin.
  for (const file of [runtime, wasm, wasm.replace('.wasm', '.mjs')])
    copyFileSync(join(installed, file), join(browser, file));
}
