// What the library adds to a page: facade and worker, minified and gzipped, ONNX Runtime not counted.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export const BUDGET_BYTES = 68_000;

/** Something that each part of the library says, which no minifier takes away. */
const SAID_BY = {
  'the facade': 'Load the model again with Gmsa.load()',
  'the compressor': 'compressing the text',
  'the decoder': 'answering the question',
  'the tokenizer': 'ByteLevel',
};

/**
 * The JavaScript in a folder that a bundler made.
 * @param {string} folder
 * @param {{ except?: string | undefined }} [options] the file of a page without the library: what it loads, a framework,
 *   is not counted
 * @returns {{ name: string, bytes: number }[]}
 * @throws Error if a part of the library is not among what is counted
 */
export function measureSizes(folder, { except } = {}) {
  const framework = except ? readFileSync(except, 'utf8') : '';
  const files = readdirSync(folder, { recursive: true })
    .filter((name) => /\.m?js$/.test(name) && !framework.includes(basename(name)))
    .map((name) => ({ name, code: readFileSync(join(folder, name), 'utf8') }));
  const counted = files.filter(({ code }) => !isRuntime(code));
  for (const [part, saying] of Object.entries(SAID_BY)) {
    if (!counted.some(({ code }) => code.includes(saying)))
      throw new Error(`${folder}: ${part} is in no file that is counted`);
  }
  return counted.map(({ name, code }) => ({ name, bytes: gzipSync(code).length }));
}

/** ONNX Runtime's code names its wasm; a bundler's chunk that has it may hold nothing of ours. */
function isRuntime(code) {
  return (
    code.includes('ort-wasm-simd-threaded') && !Object.values(SAID_BY).some((said) => code.includes(said))
  );
}

/** @param {{ bytes: number }[]} sizes */
export const totalBytes = (sizes) => sizes.reduce((sum, { bytes }) => sum + bytes, 0);

/**
 * Each file, their sum, and the budget.
 * @param {string} title
 * @param {{ name: string, bytes: number }[]} sizes
 */
export function describeSizes(title, sizes) {
  const line = (name, bytes) => `  ${name.padEnd(36)} ${(bytes / 1000).toFixed(1).padStart(5)} kB`;
  return [
    `${title}, gzipped without ONNX Runtime`,
    ...sizes.map(({ name, bytes }) => line(name, bytes)),
    `${line('all', totalBytes(sizes))} of ${BUDGET_BYTES / 1000}`,
  ].join('\n');
}
