import { existsSync } from 'node:fs';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
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

/** A full Chromium: Playwright's headless shell has no WebGPU. Unset, Playwright looks for its own download. */
const executablePath =
  process.env.CHROMIUM_PATH ?? (existsSync('/usr/bin/chromium') ? '/usr/bin/chromium' : undefined);

export default defineConfig({
  test: {
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
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                ...(executablePath ? { executablePath } : { channel: 'chromium' }),
                args: [...SOFTWARE_WEBGPU, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
