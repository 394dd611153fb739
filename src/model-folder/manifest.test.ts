import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { modelHash, parseManifest } from './manifest.js';

const json = readFileSync(new URL('../../models/fixture/manifest.json', import.meta.url), 'utf8');

/** The hash of the fixture, with the SHA-256 of one file changed. */
function hashWithout(path?: string): string {
  const manifest = JSON.parse(json);
  for (const file of manifest.files) if (file.path === path) file.sha256 = '0'.repeat(64);
  return modelHash(parseManifest(manifest, 'fixture'));
}

test('is a SHA-256, whatever the order of the files', () => {
  const manifest = JSON.parse(json);
  manifest.files.reverse();
  expect(modelHash(parseManifest(manifest, 'fixture'))).toBe(hashWithout());
  expect(hashWithout()).toMatch(/^[0-9a-f]{64}$/);
});

test.each([
  'tokenizer.json',
  'tokenizer_config.json',
  'onnx/embed_tokens.onnx_data',
  'onnx/encoder_model.onnx',
  'onnx/encoder_model.onnx_data',
  'onnx/lsa.onnx_data',
  'onnx/rope.onnx_data',
])('another %s is another model', (path) => {
  expect(hashWithout(path)).not.toBe(hashWithout());
});

test.each(['onnx/decoder_model_merged.onnx', 'config.json', 'README.md'])('another %s is not', (path) => {
  expect(hashWithout(path)).toBe(hashWithout());
});
