// The built pages (demo, benchmarks, harness), built again when a source is newer.
//   node scripts/lib/pages.mjs           builds them in any case
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isMain, ROOT } from './repository.mjs';

export const PAGES = join(ROOT, 'dist-demo');
const SOURCES = ['src', 'demo', 'vite.config.ts', 'package.json', 'package-lock.json'];

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

export function pagesAreCurrent() {
  const index = join(PAGES, 'index.html');
  if (!existsSync(index)) return false;
  const built = statSync(index).mtimeMs;
  return SOURCES.every((source) => newest(join(ROOT, source)) <= built);
}

export async function buildPages() {
  // Imported here: a host that was given built pages has no Vite.
  const { build } = await import('vite');
  await build({ configFile: join(ROOT, 'vite.config.ts'), logLevel: 'warn' });
}

/** @returns {Promise<string>} the folder of the pages */
export async function ensurePages() {
  if (!pagesAreCurrent()) {
    console.error('pages: building');
    await buildPages();
  }
  return PAGES;
}

if (isMain(import.meta.url)) await buildPages();
