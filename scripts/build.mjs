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
  resolveId: (id) => (id.endsWith('/start.js') ? join(dist, 'workers/start-anywhere.js') : null),
};

/** ONNX Runtime stays a file of its own, from whose address it finds its wasm and starts its threads. */
const runtimes = new Set();
const runtimeFile = (id) => basename(fileURLToPath(import.meta.resolve(id)));

for (const [entry, output] of [
  ['index.js', 'gmsa.js'],
  ['workers/compressor.worker.js', 'compressor.worker.js'],
  ['workers/decoder.worker.js', 'decoder.worker.js'],
]) {
  const bundle = await rolldown({
    input: join(dist, entry),
    platform: 'browser',
    external: /^onnxruntime-web\//,
    plugins: [startWorkersAnywhere],
  });
  const written = await bundle.write({
    file: join(browser, output),
    format: 'esm',
    codeSplitting: false,
    minify: true,
    paths: (id) => (id.startsWith('onnxruntime-web/') ? `./${runtimeFile(id)}` : id),
  });
  for (const { imports, dynamicImports } of written.output) {
    for (const path of [...imports, ...dynamicImports]) runtimes.add(basename(path));
  }
}

const installed = fileURLToPath(new URL('.', import.meta.resolve('onnxruntime-web/webgpu')));
for (const runtime of runtimes) {
  const [wasm] = /ort-wasm-simd-threaded\.\w+\.wasm/.exec(readFileSync(join(installed, runtime), 'utf8'));
  for (const file of [runtime, wasm]) copyFileSync(join(installed, file), join(browser, file));
}
