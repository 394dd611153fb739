// npm run coverage: the unit and browser tests with the lines of src that they run; the workers' too, since their classes
// are tested in the page as well as behind the facade. Fails below the goal, and names the files that lack most.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureChromium } from './ensure-chromium.mjs';
import { ROOT } from './lib/repository.mjs';

const GOAL_PERCENT = 90;
const SHOWN = 10;

const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', '--coverage', ...process.argv.slice(2)], {
  cwd: ROOT,
  env: { ...process.env, CHROMIUM_PATH: ensureChromium() },
  stdio: 'inherit',
});

const { total, ...files } = JSON.parse(readFileSync(join(ROOT, 'coverage/coverage-summary.json'), 'utf8'));
const lacking = Object.entries(files)
  .map(([path, { lines }]) => ({
    path: path.slice(ROOT.length),
    missing: lines.total - lines.covered,
    ...lines,
  }))
  .filter(({ missing }) => missing > 0)
  .sort((a, b) => b.missing - a.missing);
console.log(`\nlines of src covered: ${total.lines.pct} % (goal: ${GOAL_PERCENT} %)`);
for (const { path, pct, missing } of lacking.slice(0, SHOWN))
  console.log(`  ${path}: ${pct} %, ${missing} lines lack`);
if (total.lines.pct < GOAL_PERCENT) console.error('failed: below the goal');
process.exitCode = status === 0 && total.lines.pct >= GOAL_PERCENT ? 0 : 1;
