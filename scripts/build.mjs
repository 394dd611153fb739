// npm run build: dist/ as it is published. tsc writes the modules that bundlers take; rolldown writes dist/browser/, a
// folder that a page without a bundler imports as it is: import maps do not reach into workers.
import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { ROOT } from './lib/repository.mjs';

const WASM = 'ort-wasm-simd-threaded.asyncify.wasm';
const dist = join(ROOT, 'dist');

rmSync(dist, { recursive: true, force: true });
const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(ROOT, 'tsconfig.build.json')];
if (spawnSync(process.execPath, tsc, { stdio: 'inherit' }).status !== 0) process.exit(1);

/** A page without a bundler may take the library from another origin, such as a CDN. */
const startWorkersAnywhere = {
  name: 'start-workers-anywhere',
  resolveId: (id) => (id.endsWith('/start.js') ? join(dist, 'workers/start-anywhere.js') : null),
};

for (const [entry, output] of [
  ['index.js', 'gmsa.js'],
  ['workers/compressor.worker.js', 'compressor.worker.js'],
  ['workers/decoder.worker.js', 'decoder.worker.js'],
]) {
  const bundle = await rolldown({
    input: join(dist, entry),
    platform: 'browser',
    plugins: [startWorkersAnywhere],
  });
  // One file each: a worker's threads start from its URL, and a chunk's relative address would be one more to serve.
  await bundle.write({
    file: join(dist, 'browser', output),
    format: 'esm',
    codeSplitting: false,
    minify: true,
    sourcemap: false,
  });
}
// Beside the workers, where ONNX Runtime looks for it.
const installed = createRequire(import.meta.url).resolve(`onnxruntime-web/${WASM}`);
copyFileSync(installed, join(dist, 'browser', WASM));
