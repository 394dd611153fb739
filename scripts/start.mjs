// npm start: builds the pages if they are out of date and serves them with the repository's models.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runScript, UsageError } from './lib/command-line.mjs';
import { ensurePages } from './lib/pages.mjs';
import { ROOT } from './lib/repository.mjs';
import { startStaticServer } from './lib/static-server.mjs';

const flags = {
  port: {
    type: 'string',
    value: 'n',
    help: 'port (default: the first free one from 5173)',
    parse: (value) => {
      if (!/^\d{1,5}$/.test(value) || Number(value) > 65535)
        throw new UsageError(`--port ${value}: no such port`);
      return Number(value);
    },
  },
  host: {
    type: 'string',
    value: 'address',
    default: '127.0.0.1',
    help: '0.0.0.0 to be reached from other machines (without WebGPU there: browsers want HTTPS for it)',
  },
  models: { type: 'string', value: 'folder', default: join(ROOT, 'models'), help: 'folder of model folders' },
  isolated: { type: 'boolean', help: 'serve cross-origin isolated (wasm threads)' },
};
const usage = 'npm start [-- --port 8080]';

const FIRST_PORT = 5173;
const PORTS_TRIED = 20;

async function listen(mounts, { port, ...options }) {
  if (port !== undefined) return startStaticServer(mounts, { port, ...options });
  for (let candidate = FIRST_PORT; ; candidate++) {
    try {
      return await startStaticServer(mounts, { port: candidate, ...options });
    } catch (error) {
      if (error.code !== 'EADDRINUSE' || candidate >= FIRST_PORT + PORTS_TRIED) throw error;
    }
  }
}

await runScript({ usage, flags }, async ({ models, ...options }) => {
  const mounts = { '/': await ensurePages(), '/models/': models };
  const server = await listen(mounts, options);
  let address = server.url;
  if (!existsSync(join(models, 'gmsa-smollm2-135m', 'config.json'))) {
    console.log(
      'The trained model, models/gmsa-smollm2-135m, is not in this checkout (docs/research/training.md says how to make it).',
    );
    console.log('The address below opens the tiny test model, which knows a toy language and nothing else.');
    address += '?model=models/fixture/';
  }
  console.log(`gmsa-web is at ${address} (stop with Ctrl+C)`);
});
