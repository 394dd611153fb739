// node scripts/check-kernels.mjs: the WebGPU kernels against their TypeScript references, on this machine's GPU. The
// variant with native f16 runs only here: the software adapter of the tests has no shader-f16.
import { browserFlags, runScript } from './lib/command-line.mjs';
import { openPage } from './lib/harness.mjs';

const { model, models, pages, verbose, software } = browserFlags;
const flags = { model, models, pages, verbose, software, 'chromium-args': browserFlags['chromium-args'] };

await runScript({ usage: 'node scripts/check-kernels.mjs', flags }, async (values) => {
  const { page, orCrash, close } = await openPage({ ...values, device: 'webgpu' }, 'kernels.html');
  try {
    await page.waitForFunction(() => window.checkGroupMerge !== undefined);
    const checks = await orCrash(page.evaluate(() => window.checkGroupMerge()));
    for (const { variant, name, error, result } of checks) {
      console.log(
        `${variant}: ${name}: ${result}${error === undefined ? '' : ` (${error.toExponential(1)})`}`,
      );
    }
    if (checks.some(({ result }) => result === 'wrong')) process.exitCode = 1;
  } finally {
    await close();
  }
});
