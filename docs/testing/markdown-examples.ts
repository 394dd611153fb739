// Vite plugin: an import of `guide.md?examples` gives the page's TypeScript examples as modules that can be run, in the
// order of the page. `gmsa-web` is the source of this repository, and the trained model's address the fixture's.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

const PACKAGE: Record<string, string> = {
  'gmsa-web': path('../../src/index.ts'),
  'gmsa-web/ai-sdk': path('../../src/ai-sdk/index.ts'),
};
const MODEL = ['/models/gmsa-smollm2-135m/', '/models/fixture/'] as const;

/** An example's module stands beside its page, so that it finds the same packages. */
const EXAMPLE = /^(.*\.md)\.example-(\d+)\.ts$/;

export interface Example {
  /** Of its first line, from 1. */
  line: number;
  code: string;
}

export function examplesOf(markdown: string): Example[] {
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
        const example = examplesOf(readFileSync(page, 'utf8'))[Number(number)];
        return `${example?.code.replaceAll(...MODEL)}\nexport {};\n`;
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
