// Checks the library as npm would publish it: what is in the tarball, whether its exports and types resolve (publint,
// Are The Types Wrong), and whether its JavaScript keeps within the size budget.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './lib/repository.mjs';
import { BUDGET_BYTES, describeSizes, measureSizes, totalBytes } from './lib/sizes.mjs';
import { packLibrary } from './lib/tarball.mjs';

const tarball = packLibrary();
const failed = [];

const unwanted = tarball.files.filter((path) => /\.test\.|(^|\/)testing\//.test(path));
if (unwanted.length > 0) failed.push(`files that nobody needs: ${unwanted.join(', ')}`);

for (const [name, script, ...args] of [
  ['publint', 'publint/src/cli.js', 'run', tarball.path, '--strict'],
  ['attw', '@arethetypeswrong/cli/dist/index.js', tarball.path, '--profile', 'esm-only'],
]) {
  const command = [join(ROOT, 'node_modules', script), ...args];
  if (spawnSync(process.execPath, command, { stdio: 'inherit' }).status !== 0) failed.push(name);
}
rmSync(dirname(tarball.path), { recursive: true });

const sizes = measureSizes(join(ROOT, 'dist/browser'));
console.log(describeSizes('dist/browser', sizes));
if (totalBytes(sizes) > BUDGET_BYTES) failed.push('the size budget');

if (failed.length > 0) console.error(`failed: ${failed.join('; ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
