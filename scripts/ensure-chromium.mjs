// Finds a Chromium for tests and measurements, or installs one.
//   node scripts/ensure-chromium.mjs     prints the path
// Playwright's headless shell is of no use: it has no WebGPU. A full Chromium runs headless as well.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { isMain } from './lib/repository.mjs';

const SYSTEM_NAMES = [
  'chromium',
  'chromium-browser',
  'google-chrome-stable',
  'google-chrome',
  'microsoft-edge',
];
const SYSTEM_PATHS = [
  '/usr/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

const say = (line) => console.error(`chromium: ${line}`);

function playwrightsOwn() {
  try {
    // From this file, or from NODE_PATH where there is no node_modules.
    return createRequire(import.meta.url)('playwright-core').chromium.executablePath();
  } catch {
    return undefined;
  }
}

function* systemCandidates(environment) {
  for (const name of SYSTEM_NAMES) {
    for (const folder of (environment.PATH ?? '').split(delimiter)) if (folder) yield join(folder, name);
  }
  yield* SYSTEM_PATHS;
}

/** Its version, or undefined if it does not start (a library of the system may be missing). */
function versionOf(path) {
  if (process.platform === 'win32') return 'not asked'; // chrome.exe --version opens a window
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 60_000 });
  return status === 0 ? stdout.trim() : undefined;
}

function find(environment) {
  const own = playwrightsOwn();
  for (const path of [...(own ? [own] : []), ...systemCandidates(environment)]) {
    if (!existsSync(path)) continue;
    const version = versionOf(path);
    if (version) return { path, version };
    say(`${path} is there but does not start; looking further`);
  }
  return undefined;
}

function run(command, args) {
  say(`running ${command} ${args.join(' ')}`);
  // Standard output carries the path alone, so what the installers print goes to standard error.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(command, args, { stdio: ['ignore', 2, 2], env }).status === 0;
}

function installWithPlaywright() {
  let cli;
  try {
    const manifest = createRequire(import.meta.url).resolve('playwright-core/package.json');
    cli = join(manifest, '..', 'cli.js');
  } catch {
    return false;
  }
  return run(process.execPath, [cli, 'install', 'chromium', '--no-shell']);
}

function installWithApt() {
  if (!existsSync('/etc/debian_version') || process.getuid?.() !== 0) return false;
  return (
    run('apt-get', ['update']) && run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'])
  );
}

/**
 * @param {NodeJS.ProcessEnv} [environment] CHROMIUM_PATH wins over everything else
 * @returns {string} the path of a Chromium that starts
 * @throws {Error} if there is none and none could be installed
 */
export function ensureChromium(environment = process.env) {
  const given = environment.CHROMIUM_PATH;
  if (given) {
    if (!existsSync(given)) throw new Error(`CHROMIUM_PATH names ${given}, which does not exist`);
    return given;
  }
  let found = find(environment);
  if (!found) {
    say("none found; trying Playwright's download");
    if (installWithPlaywright()) found = find(environment);
  }
  if (!found) {
    say("Playwright's download did not give a browser that starts; trying Debian's package");
    if (installWithApt()) found = find(environment);
  }
  if (!found) {
    throw new Error(
      'No Chromium found, and none could be installed. Install Chromium or Chrome by hand, or set CHROMIUM_PATH to the path of one.',
    );
  }
  say(`using ${found.path} (${found.version})`);
  return found.path;
}

if (isMain(import.meta.url)) {
  try {
    console.log(ensureChromium());
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  }
}
