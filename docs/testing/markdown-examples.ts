// Vite plugin: importing `guide.md?examples` gives the page's TypeScript examples as modules that can be run, in the order
// of the page. `gmsa-web` becomes the source of this repository, and addresses become those of the test server.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

const PACKAGE: Record<string, string> = {
  'gmsa-web': path('../../src/index.ts'),
  'gmsa-web/ai-sdk': path('../../src/ai-sdk/index.ts'),
};
const SUBSTITUTES: Record<string, string> = {
  '/models/gmsa-smollm2-135m/': '/models/fixture/',
  // Only the built worker starts from a Blob: Vite's development server resolves ONNX Runtime's wasm against the address of
  // the script, and `blob:` is no base for that. e2e/consumers/plain-html.spec.ts starts the built one from another origin.
  "crossOriginWorker('https://cdn.example/gmsa-web/gmsa.worker.js')":
    "new Worker('/src/workers/gmsa.worker.ts?worker_file&type=module', { type: 'module' })",
};

/** An example's module stands beside its page, so that imports resolve from there. */
const EXAMPLE = /^(.*\.md)\.example-(\d+)\.ts$/;

/** Each with the number of its first line, from 1. */
function examplesOf(markdown: string): { line: number; code: string }[] {
  return [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ index, 1: code = '' }) => ({
    line: markdown.slice(0, index).split('\n').length + 1,
    code,
  }));
}

export function markdownExamples(): Plugin {
  return {
    name: 'markdown-examples',
    enforce: 'pre',
    resolveId(source, importer) {
      if (EXAMPLE.test(source)) return source;
      return importer && EXAMPLE.test(importer) ? PACKAGE[source] : undefined;
    },
    load(id) {
      const [, page, number] = EXAMPLE.exec(id) ?? [];
      if (page) {
        let { code } = examplesOf(readFileSync(page, 'utf8'))[Number(number)]!;
        for (const [published, local] of Object.entries(SUBSTITUTES))
          code = code.replaceAll(published, local);
        return `${code}\nexport {};\n`;
      }
      if (!id.endsWith('.md?examples')) return;
      const file = id.slice(0, -'?examples'.length);
      const examples = examplesOf(readFileSync(file, 'utf8')).map(
        ({ line, code }, i) =>
          `{ line: ${line}, code: ${JSON.stringify(code)}, run: () => import(${JSON.stringify(`${file}.example-${i}.ts`)}) }`,
      );
      return `export default [${examples.join(', ')}];`;
    },
  };
}
