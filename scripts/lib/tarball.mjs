// The library as npm would publish it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './repository.mjs';

/** npm as a command of this platform. */
export const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/**
 * Packs dist/, which `npm run build` makes.
 * @param {string} [folder] where to; default: a new temporary one
 * @returns {{ path: string, files: string[] }} the tarball and the files in it
 */
export function packLibrary(folder = mkdtempSync(join(tmpdir(), 'gmsa-web-'))) {
  if (!existsSync(join(ROOT, 'dist/browser/gmsa.js'))) throw new Error('dist/ is not built: npm run build');
  const packed = spawnSync(NPM, ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (packed.status !== 0) throw new Error(`npm pack failed: ${packed.stderr}`);
  const report = JSON.parse(packed.stdout);
  const [{ filename, files }] = Array.isArray(report) ? report : Object.values(report);
  return { path: join(folder, filename), files: files.map(({ path }) => path) };
}
