// Drives the library in a headless Chromium. Needs playwright-core and Node alone (no Vite, no node_modules) when it
// is given built pages.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { ensureChromium } from '../ensure-chromium.mjs';
import { UsageError } from './command-line.mjs';
import { ensurePages } from './pages.mjs';
import { ROOT } from './repository.mjs';
import { SOFTWARE_WEBGPU } from './software-webgpu.mjs';
import { startStaticServer } from './static-server.mjs';

/** WebGPU on a GPU. A headless Chromium on Linux needs to be told to use Vulkan, and hides f16 on NVIDIA there. */
const HARDWARE_WEBGPU =
  process.platform === 'linux'
    ? [
        '--enable-unsafe-webgpu',
        '--ignore-gpu-blocklist',
        '--use-angle=vulkan',
        '--enable-features=Vulkan',
        '--disable-vulkan-surface',
        '--enable-dawn-features=vulkan_enable_f16_on_nvidia',
      ]
    : ['--enable-unsafe-webgpu', '--ignore-gpu-blocklist'];

const words = (text) => (text ?? '').split(/\s+/).filter(Boolean);

/** Chromium's flags for a device. */
export function chromiumArguments({ device, software = false, extra = '' }, environment = process.env) {
  const webgpu = device === 'wasm' ? [] : software ? SOFTWARE_WEBGPU : HARDWARE_WEBGPU;
  return [
    '--disable-background-networking',
    ...webgpu,
    ...words(environment.GMSA_CHROMIUM_ARGS),
    ...words(extra),
  ];
}

/**
 * The folder of a model, given as a folder, as its name inside `models`, or as `models/name`; a URL stays as it is.
 * @returns {{ folder: string } | { url: string }}
 */
export function locateModel(model, models = join(ROOT, 'models')) {
  if (/^https?:\/\//.test(model)) return { url: model };
  const candidates = [resolve(model), join(models, model), join(models, basename(model)), join(ROOT, model)];
  const folder = candidates.find((candidate) => existsSync(join(candidate, 'config.json')));
  if (!folder) throw new UsageError(`--model ${model}: no model folder there, nor in ${models}`);
  return { folder };
}

/** An error of the page: a GmsaError keeps its code and fix. */
class PageError extends Error {
  constructor({ code, message, fix }) {
    super(message);
    this.name = 'PageError';
    this.code = code;
    this.fix = fix;
  }
}

/**
 * Opens a page of the built pages, beside the model.
 * @param {Record<string, any>} flags as in browserFlags
 * @param {string} path of the page, e.g. 'harness.html'
 * @returns the Playwright page, the URL of the model, the browser's name and version, and close()
 */
export async function openPage(flags, path) {
  const location = locateModel(flags.model, flags.models);
  const pages = flags.pages ?? (await ensurePages());
  if (!existsSync(join(pages, 'harness.html'))) {
    throw new UsageError(`--pages ${pages}: no built pages there (npm run build:pages)`);
  }
  const mounts = { '/': pages, ...(location.folder ? { '/model/': location.folder } : {}) };
  const executablePath = ensureChromium();
  // From node_modules, or from NODE_PATH where there is none.
  const { chromium } = createRequire(import.meta.url)('playwright-core');
  const server = await startStaticServer(mounts, { isolated: flags.isolated });
  let browser;
  try {
    browser = await chromium.launch({
      executablePath,
      headless: true,
      args: chromiumArguments({ ...flags, extra: flags['chromium-args'] }),
    });
    const page = await browser.newPage();
    let failed;
    const crashed = new Promise((_, reject) => {
      failed = reject;
    });
    crashed.catch(() => {}); // heard through call(), or not at all
    page.on('crash', () => failed(new Error('the page crashed (out of memory?)')));
    page.on('pageerror', (error) => console.error(`page: ${error.message}`));
    page.on('console', (message) => {
      if (flags.verbose) console.error(`page: ${message.text()}`);
    });
    await page.goto(server.url + path);
    return {
      page,
      /** Resolves or rejects with `promise`, and rejects if the page crashes meanwhile. */
      orCrash: (promise) => Promise.race([promise, crashed]),
      modelUrl: location.url ?? `${server.url}model/`,
      modelName: basename(location.folder ?? new URL(location.url).pathname.replace(/\/$/, '')),
      browser: `${browser.browserType().name()} ${browser.version()}`,
      close: async () => {
        await browser.close();
        await server.close();
      },
    };
  } catch (error) {
    await browser?.close();
    await server.close();
    throw error;
  }
}

/**
 * Opens the harness page and loads the model.
 * @param {Record<string, any>} flags as in browserFlags
 * @param {{ load?: boolean }} [options] load: false leaves the loading to the caller
 * @returns call(method, ...values): a method of window.gmsaHarness (demo/harness.ts); info: what load returned
 */
export async function openHarness(flags, { load = true } = {}) {
  const opened = await openPage(flags, 'harness.html');
  const { page, orCrash } = opened;
  const call = async (method, ...values) => {
    const result = await orCrash(
      page.evaluate(([name, args]) => window.gmsaHarness[name](...args), [method, values]),
    );
    if (!result.ok) throw new PageError(result.error);
    return result.value;
  };
  try {
    await page.waitForFunction(() => window.gmsaHarness !== undefined);
    if (!load) return { ...opened, call };
    const info = await call('load', opened.modelUrl, { device: flags.device, dtype: flags.dtype });
    warnOfSoftware(info, flags);
    return { ...opened, call, info };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** A software adapter is chosen silently where there is no GPU; its times would pass for a GPU's. */
export function warnOfSoftware({ device, adapter }, { software }) {
  if (device !== 'webgpu' || software) return;
  const name = `${adapter?.vendor} ${adapter?.architecture} ${adapter?.description}`;
  if (/swiftshader|llvmpipe/i.test(name)) {
    console.error(
      `warning: WebGPU runs on a software adapter (${name.trim()}); its times say nothing about a GPU`,
    );
  }
}
