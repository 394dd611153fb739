import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { ROOT } from './repository.mjs';

/** For the facade and both workers together, minified and gzipped; ONNX Runtime not counted. */
export const BUDGET_BYTES = 60_000;

/** @returns {{ name: string, bytes: number }[]} of dist/browser, which `npm run build` made */
export function measureSizes() {
  const folder = join(ROOT, 'dist/browser');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .map((name) => ({ name, bytes: gzipSync(readFileSync(join(folder, name))).length }));
}

/**
 * The same for bundlers that build each worker by itself, as Vite does: what they share is then there more than once.
 * @returns {Promise<number>}
 */
export async function measureApart() {
  let bytes = 0;
  for (const entry of ['index.js', 'workers/compressor.worker.js', 'workers/decoder.worker.js']) {
    const input = join(ROOT, 'dist', entry);
    const bundle = await rolldown({ input, platform: 'browser', external: /^onnxruntime-/ });
    const { output } = await bundle.generate({ minify: true });
    bytes += output.reduce((sum, { code }) => sum + gzipSync(code ?? '').length, 0);
  }
  return bytes;
}
