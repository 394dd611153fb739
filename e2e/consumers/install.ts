// Installs the packed library and what the examples need beside it, once, into a folder outside the repository, where no
// node_modules of ours is found by accident.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/lib/repository.mjs';
import { NPM, packLibrary } from '../../scripts/lib/tarball.mjs';

/** Started by hand only, or of no use in a test. */
const LEFT_OUT = ['webpack-dev-server'];

/** What the library's subpaths want beside it. */
const OPTIONAL = ['@ai-sdk/provider'];

/**
 * Sets GMSA_CONSUMERS to the folder with a copy of each example and one node_modules. Set before, it names such a folder
 * from an earlier run, to work on these tests without installing again.
 */
export default function install(): (() => void) | undefined {
  if (process.env.GMSA_CONSUMERS) return undefined;
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'gmsa-consumers-'));
  cpSync(join(ROOT, 'examples'), folder, {
    recursive: true,
    filter: (path) => !/[\\/](node_modules|dist|out|\.next|public|models|gmsa-web)$/.test(path),
  });
  const dependencies: Record<string, string> = {};
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  )) {
    const example = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8'));
    Object.assign(dependencies, example.dependencies, example.devDependencies);
  }
  for (const name of LEFT_OUT) delete dependencies[name];
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const name of OPTIONAL) dependencies[name] = devDependencies[name];
  dependencies['gmsa-web'] = `file:${packLibrary(folder).path}`;
  // `workspaces` makes it the root up to which Vite's development server gives files out.
  const root = { private: true, type: 'module', workspaces: [], dependencies };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(root));
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--no-progress', '--loglevel', 'error'];
  const installed = spawnSync(NPM, ['install', ...flags], { cwd: folder, encoding: 'utf8' });
  if (installed.status !== 0) throw new Error(`npm install failed: ${installed.stderr}`);
  console.log(`consumers: installed in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  process.env.GMSA_CONSUMERS = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
