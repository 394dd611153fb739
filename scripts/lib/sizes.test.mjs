import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeSizes, measureSizes, totalBytes } from './sizes.mjs';

describe('the size of a built app', () => {
  let folder;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sizes-'));
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html>');
    write('page.js', '"Load the model again with Gmsa.load()"');
    write('assets/worker.mjs', `${tokenizer};"compressing the text";"answering the question"`);
    write('assets/runtime.js', `"ort-wasm-simd-threaded.jspi.wasm";"${noise(20_000)}"`);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** That gzip makes no smaller. */
  const noise = (bytes) =>
    randomBytes(bytes)
      .toString('latin1')
      .replace(/["\\\n\r]/g, ' ');
  const tokenizer = `"ByteLevel";"${noise(10_000)}"`;
  const write = (name, code) => writeFileSync(join(folder, name), code);

  it('counts every script, in whichever folder, but ONNX Runtime’s', () => {
    const sizes = measureSizes(folder);
    expect(sizes.map(({ name }) => name).sort()).toEqual(['assets/worker.mjs', 'page.js']);
    expect(totalBytes(sizes)).toBeGreaterThan(10_000);
    expect(totalBytes(sizes)).toBeLessThan(20_000);
    expect(describeSizes('An app', sizes)).toMatch(
      /An app.*\n {2}.*page\.js +0\.1 kB\n[\s\S]* all +1\d\.\d kB of 68$/,
    );
  });

  it('counts no script of a page without the library', () => {
    write('assets/framework.js', `"${noise(20_000)}"`);
    write('404.html', '<script src="/assets/framework.js"></script>');
    const names = (options) => measureSizes(folder, options).map(({ name }) => name);
    expect(names()).toContain('assets/framework.js');
    expect(names({ except: join(folder, '404.html') }).sort()).toEqual(['assets/worker.mjs', 'page.js']);
  });

  it('counts what is packed into two workers twice', () => {
    const before = totalBytes(measureSizes(folder));
    write('assets/other-worker.js', tokenizer);
    expect(totalBytes(measureSizes(folder))).toBeGreaterThan(before + 10_000);
  });

  it('counts a chunk in which a bundler put ONNX Runtime and the library together', () => {
    const before = totalBytes(measureSizes(folder));
    write(
      'assets/runtime.js',
      `"ort-wasm-simd-threaded.jspi.wasm";"answering the question";"${noise(20_000)}"`,
    );
    expect(totalBytes(measureSizes(folder))).toBeGreaterThan(before + 20_000);
  });

  it('is no size where a part of the library is missing', () => {
    write('assets/worker.mjs', '"compressing the text";"answering the question"');
    expect(() => measureSizes(folder)).toThrow('the tokenizer is in no file that is counted');
  });
});
