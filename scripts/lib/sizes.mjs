import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { ROOT } from './repository.mjs';

/** For the facade and both workers together, as a bundler with a minifier leaves them, gzipped; ONNX Runtime not counted. */
export const BUDGET_BYTES = 60_000;

const ENTRIES = {
  facade: 'index.js',
  'compressor worker': 'workers/compressor.worker.js',
  'decoder worker': 'workers/decoder.worker.js',
};

/** @returns {Promise<{ name: string, bytes: number }[]>} of what `npm run build` made */
export async function measureSizes() {
  const sizes = [];
  for (const [name, entry] of Object.entries(ENTRIES)) {
    const bundle = await rolldown({
      input: join(ROOT, 'dist', entry),
      platform: 'browser',
      external: /^onnxruntime-/,
    });
    const { output } = await bundle.generate({ minify: true });
    sizes.push({ name, bytes: output.reduce((sum, { code }) => sum + gzipSync(code ?? '').length, 0) });
  }
  return sizes;
}
