// npm test: format and lint, types, unit and browser tests, the library's build, checks of the package, builds of the
// examples with it, and the end-to-end tests, with a Chromium that is found or installed first. Names of steps run those
// alone: npm test -- unit e2e
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureChromium } from './ensure-chromium.mjs';
import { ROOT } from './lib/repository.mjs';

const PLAYWRIGHT = 'node_modules/@playwright/test/cli.js';

const STEPS = {
  lint: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--diagnostic-level=error'],
  types: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'],
  unit: ['node_modules/vitest/vitest.mjs', 'run'],
  build: ['scripts/build.mjs'],
  reference: ['scripts/build-reference.mjs'],
  package: ['scripts/check-package.mjs'], // of what was built
  consumers: [PLAYWRIGHT, 'test', '--config', 'e2e/consumers/playwright.config.ts'], // of what was built
  e2e: [PLAYWRIGHT, 'test', '--config', 'e2e/playwright.config.ts'],
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in STEPS));
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}; there are ${Object.keys(STEPS).join(', ')}`);
  process.exit(2);
}

const environment = { ...process.env, CHROMIUM_PATH: ensureChromium() };
const failed = [];
for (const [name, [script, ...args]] of Object.entries(STEPS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n== ${name}`);
  const command = [join(ROOT, script), ...args];
  const { status } = spawnSync(process.execPath, command, { cwd: ROOT, env: environment, stdio: 'inherit' });
  if (status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? '\nall steps passed' : `\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
