import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { markdownExamples } from './docs/testing/markdown-examples.js';
import { SOFTWARE_WEBGPU } from './scripts/lib/software-webgpu.mjs';

// Vitest 5 prints failures with Map.groupBy, which Node 20 lacks: without this a failed test ends in another error.
// Drop once engines asks for Node 21 or later.
Map.groupBy ??= <K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K): Map<K, T[]> => {
  const groups = new Map<K, T[]>();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
};

/**
 * V8's baseline compiler alone for wasm. The tests load a tiny model again and again: optimising ONNX Runtime for it takes
 * longer than it saves. The end-to-end tests run with what browsers do.
 */
const BASELINE_WASM = '--js-flags=--liftoff-only';

/** A full Chromium: Playwright's headless shell has no WebGPU. Unset, Playwright looks for its own download. */
const executablePath =
  process.env.CHROMIUM_PATH ?? (existsSync('/usr/bin/chromium') ? '/usr/bin/chromium' : undefined);

/** Where Vitest has no times of an earlier run, it starts the largest files first; this one is small and takes longest. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const longest = ({ moduleId }: TestSpecification) => moduleId.endsWith('/rounds.browser.test.ts');
    const sorted = await super.sort(files);
    return [...sorted.filter(longest), ...sorted.filter((file) => !longest(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.test.ts', 'src/testing/**', 'src/**/*.d.ts'],
      reporter: ['text-summary', 'json-summary', 'html'],
      reportOnFailure: true,
    },
    projects: [
      {
        test: {
          name: 'node',
          environment: 'node',
          include: ['src/**/*.test.ts', 'demo/**/*.test.ts', 'scripts/**/*.test.mjs'],
          exclude: ['**/*.browser.test.ts'],
          testTimeout: 60_000, // properties and large files, on a busy machine
        },
      },
      {
        publicDir: false,
        plugins: [markdownExamples()],
        worker: { format: 'es' },
        // Found only once a worker starts; without this Vite would reload the running tests then.
        optimizeDeps: {
          include: [
            'comlink',
            'ai',
            'ai-sdk-6',
            '@huggingface/tokenizers',
            '@huggingface/transformers',
            '@noble/hashes/sha2.js',
            'idb',
            'onnxruntime-web/jspi',
            'onnxruntime-web/webgpu',
            'pure-rand/distribution/uniformFloat64',
            'pure-rand/generator/xoroshiro128plus',
          ],
        },
        test: {
          name: 'browser',
          include: ['src/**/*.browser.test.ts', 'docs/testing/*.browser.test.ts'],
          setupFiles: ['src/testing/keep-wasm.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: Math.min(2, availableParallelism()), // a file needs more than one core for a part of its time
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                ...(executablePath ? { executablePath } : { channel: 'chromium' }),
                args: [
                  BASELINE_WASM,
                  ...SOFTWARE_WEBGPU,
                  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
                ],
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
