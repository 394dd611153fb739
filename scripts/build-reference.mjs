// npm run reference: the public interface as pages, into docs/reference/html. Fails where a public type is not exported
// or a link leads nowhere.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './lib/repository.mjs';
import { NPM } from './lib/tarball.mjs';

const folder = join(ROOT, 'docs/reference');
const run = (command, ...args) => {
  const { status } = spawnSync(command, args, { cwd: folder, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
};

const typedoc = join(folder, 'node_modules/typedoc/bin/typedoc');
if (!existsSync(typedoc)) run(NPM, 'ci', '--prefer-offline', '--no-progress', '--loglevel', 'error');
run(process.execPath, typedoc, '--options', 'typedoc.json');
