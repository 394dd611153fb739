// The command lines as they are called, with the fixture on wasm.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';

const { examples } = JSON.parse(
  readFileSync(new URL('../models/fixture/examples.json', import.meta.url), 'utf8'),
);

/** Runs a script of scripts/ on the fixture. */
function run(
  script: string,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const path = fileURLToPath(new URL(`../scripts/${script}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [path, '--model', 'fixture', ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

test('ask prints the answer alone on standard output', async () => {
  const { text, question, answer } = examples[0];
  const file = test.info().outputPath('text.txt');
  writeFileSync(file, text);
  const { code, stdout, stderr } = await run('ask', '--file', file, '--question', question);
  expect(code, stderr).toBe(0);
  expect(stdout).toBe(`${answer}\n`);
  expect(stderr).toMatch(/^source: .*\n/m);
  expect(stderr.match(/^source: (.*)$/m)![1]).toContain(answer);
  expect(stderr).toContain('support: stands in the text');
  expect(stderr).toMatch(/\d+ tokens → \d+ soft tokens/);
});

test('ask says what is wrong with an empty text, and exits with 1', async () => {
  const file = test.info().outputPath('empty.txt');
  writeFileSync(file, '\n');
  const { code, stdout, stderr } = await run('ask', '--file', file, '--question', 'Who?');
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain('BAD_INPUT');
});

test('eval scores rows with passages and SQuAD paragraphs, one record a question', async () => {
  const [one, two] = examples;
  const rows = [
    { title: 'A', text: one.text, qas: [{ id: 'first', question: one.question, answers: [one.answer] }] },
    {
      id: 'second',
      question: two.question,
      answers: ['something else'],
      passages: [{ title: '', text: two.text }],
    },
  ];
  const data = test.info().outputPath('data.jsonl');
  const json = test.info().outputPath('out.json');
  writeFileSync(data, rows.map((row) => JSON.stringify(row)).join('\n'));
  const { code, stderr } = await run('eval', '--data', data, '--json', json);
  expect(code, stderr).toBe(0);
  const report = JSON.parse(readFileSync(json, 'utf8'));
  expect(report).toMatchObject({
    model: 'fixture',
    device: 'wasm',
    questions: 2,
    errors: 0,
    em: 50,
    accuracy: 50,
  });
  expect(report.records).toMatchObject([
    { id: 'first', question: one.question, answers: [one.answer], prediction: one.answer, em: 1, f1: 1 },
    { id: 'second', prediction: two.answer, em: 0 },
  ]);
  expect(report.records[0].tokenIds.length).toBeGreaterThan(0);
});

test('bench writes every figure of both methods', async () => {
  const json = test.info().outputPath('bench.json');
  const { code, stdout, stderr } = await run(
    'bench',
    ...['--tokens', '100', '--rate', '2,4', '--repetitions', '1', '--new-tokens', '4', '--json', json],
  );
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('original');
  const { lengths, newTokens } = JSON.parse(readFileSync(json, 'utf8'));
  expect(newTokens).toBe(4);
  expect(lengths).toHaveLength(1);
  expect(lengths[0].gmsa.map((row: { rate: number }) => row.rate)).toEqual([2, 4]);
  const [{ softTokens, compress, total, ratio }] = lengths[0].gmsa;
  expect(softTokens).toBeLessThan(lengths[0].tokens);
  expect(total.median).toBeGreaterThan(compress.median);
  expect(ratio.firstAnswer).toBeCloseTo(lengths[0].full.total.median / total.median, 6);
});

test('a flag that does not exist and a model that is not there exit with 2', async () => {
  const unknown = await run('eval', '--dta', 'x.jsonl');
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('--dta');
  const missing = await run('bench', '--model', 'no-such-model');
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain('no-such-model');
});
