// The published types, as a strict project sees them: what they allow and forbid, and every TypeScript snippet of the
// documentation.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@playwright/test';
import { ROOT } from '../../scripts/lib/repository.mjs';

/** Libraries that snippets use beside ours. */
const OTHERS = ['ai', '@huggingface/transformers'];

const folder = join(process.env.GMSA_CONSUMERS!, 'types');

function compile(...flags: string[]): void {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder, ...flags], {
    encoding: 'utf8',
  });
  expect(`${stdout}${stderr}`).toBe('');
  expect(status).toBe(0);
}

/** Each a module; those that build upon an earlier one take its names from globals.d.ts. */
function snippets(file: string): string[] {
  const blocks = readFileSync(join(ROOT, file), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms);
  return [...blocks].map(([, code]) => `${code}\nexport {};\n`);
}

test.beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(ROOT, 'e2e/consumers/types'), folder, { recursive: true });
});

test('the types allow and forbid what they should', () => {
  compile();
});

test('the snippets of README and guides compile', () => {
  const files = [
    'README.md',
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((path) => !path.includes('node_modules'))
      .map((path) => `docs/${path.replaceAll('\\', '/')}`),
  ];
  for (const name of OTHERS) {
    mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
  }
  let count = 0;
  for (const file of files.filter((name) => name.endsWith('.md'))) {
    for (const [i, code] of snippets(file).entries()) {
      writeFileSync(join(folder, `${file.replace(/\W/g, '-')}-${i + 1}.ts`), code);
      count += 1;
    }
  }
  expect(count).toBeGreaterThan(5);
  compile('--skipLibCheck');
});
