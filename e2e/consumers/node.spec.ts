// Servers import the library too, if only to render the page in which it will run.
import { spawnSync } from 'node:child_process';
import { expect, test } from '@playwright/test';

function node(code: string) {
  const cwd = process.env.GMSA_CONSUMERS!;
  const { stdout, stderr, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { said: stdout + stderr, ended: signal === null };
}

test('the library can be imported where there is no browser, and does not keep the process from ending', () => {
  const code = `
    const { Gmsa } = await import('gmsa-web');
    const { languageModel } = await import('gmsa-web/ai-sdk');
    console.log(typeof Gmsa.load, typeof languageModel);`;
  expect(node(code)).toEqual({ said: 'function function\n', ended: true });
});

test('the preflight says what is missing there', () => {
  const code = `
    const { Gmsa } = await import('gmsa-web');
    const { supported, problems } = await Gmsa.support();
    console.log(String(supported), problems.find(({ fatal }) => fatal).code);`;
  expect(node(code)).toEqual({ said: 'false UNSUPPORTED\n', ended: true });
});
