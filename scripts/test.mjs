// npm test: format and lint, types, unit and browser tests, the library's build, checks of the package, and the
// end-to-end tests, with a Chromium that is found or installed first. Names of steps run those alone, with what they
// need: npm test -- unit e2e
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ensureChromium } from './ensure-chromium.mjs';
import { ROOT } from './lib/repository.mjs';
import { runSteps } from './lib/steps.mjs';

const VITEST = ['node_modules/vitest/vitest.mjs', 'run'];
const PLAYWRIGHT = ['node_modules/@playwright/test/cli.js', 'test', '--config'];

/** In the order in which they start when their `needs` are done: the long ones first. */
const STEPS = {
  build: { script: ['scripts/build.mjs'] },
  pages: { script: ['scripts/lib/pages.mjs'] },
  browser: { script: [...VITEST, '--project', 'browser'] },
  e2e: { script: [...PLAYWRIGHT, 'e2e/playwright.config.ts'], needs: ['pages'] },
  node: { script: [...VITEST, '--project', 'node'] },
  reference: { script: ['scripts/build-reference.mjs'] },
  package: { script: ['scripts/check-package.mjs'], needs: ['build'] },
  types: { script: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'] },
  lint: { script: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--diagnostic-level=error'] },
  consumers: { script: [...PLAYWRIGHT, 'e2e/consumers/playwright.config.ts'], needs: ['build'] },
};

/** Names for several steps. */
const GROUPS = { unit: ['node', 'browser'] };

/** npm run test:consumers */
const ON_REQUEST = ['consumers'];

const names = process.argv.slice(2).flatMap((name) => GROUPS[name] ?? [name]);
const unknown = names.filter((name) => !(name in STEPS));
if (unknown.length > 0) {
  const known = [...Object.keys(GROUPS), ...Object.keys(STEPS)];
  console.error(`no such step: ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exit(2);
}
const wanted = names.length > 0 ? names : Object.keys(STEPS).filter((name) => !ON_REQUEST.includes(name));

const environment = { ...process.env, CHROMIUM_PATH: ensureChromium() };
if (process.stdout.isTTY) environment.FORCE_COLOR ??= '1'; // the steps write into pipes

const passed = await runSteps(STEPS, wanted, {
  atOnce: availableParallelism(),
  start: ({ script: [path, ...args] }) =>
    spawn(process.execPath, [join(ROOT, path), ...args], {
      cwd: ROOT,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
});
process.exitCode = passed ? 0 : 1;
