// node scripts/screenshot.mjs: drives the demo like a reader and takes its picture (docs/demo.png).
import { join } from 'node:path';
import { browserFlags, positiveInteger, runScript } from './lib/command-line.mjs';
import { openPage } from './lib/harness.mjs';
import { ROOT } from './lib/repository.mjs';

const flags = {
  out: {
    type: 'string',
    value: 'file.png',
    default: join(ROOT, 'docs/demo.png'),
    help: 'where the picture goes',
  },
  example: {
    type: 'string',
    value: 'n',
    default: '1',
    parse: positiveInteger,
    help: 'which example, from 1',
  },
  width: { type: 'string', value: 'px', default: '960', parse: positiveInteger, help: 'width of the page' },
  dark: { type: 'boolean', help: 'in the dark colours' },
  'no-restore': { type: 'boolean', help: 'leave the restoration out' },
  ...browserFlags,
};
const usage = 'node scripts/screenshot.mjs [--out docs/demo.png] [--device wasm|webgpu]';

await runScript({ usage, flags }, async (values) => {
  const opened = await openPage(values, 'harness.html');
  const { page } = opened;
  try {
    const address = new URL('index.html', page.url());
    address.search = new URLSearchParams({
      model: opened.modelUrl,
      device: values.device,
      dtype: values.dtype,
    });
    await page.setViewportSize({ width: values.width, height: 900 });
    await page.emulateMedia({ colorScheme: values.dark ? 'dark' : 'light' });
    page.setDefaultTimeout(600_000);
    await page.goto(address.href);
    const examples = page.locator('#examples button');
    await examples.first().waitFor();
    if ((await examples.count()) < values.example)
      throw new Error(`there are ${await examples.count()} examples`);
    await examples.nth(values.example - 1).click();
    const idle = () => page.locator('body[aria-busy=false]').waitFor();
    for (const question of (await page.locator('#suggestions button').all()).slice(0, 3)) {
      await question.click();
      await idle();
    }
    if (!values['no-restore']) {
      await page.getByRole('button', { name: 'Restore the text' }).click();
      await idle();
    }
    for (const alert of await page.getByRole('alert').all()) {
      if (await alert.isVisible()) throw new Error(await alert.textContent());
    }
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: values.out, fullPage: true });
    console.log(values.out);
  } finally {
    await opened.close();
  }
});
