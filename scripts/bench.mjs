// npm run bench: runs the benchmark page in a headless Chromium and prints its result.
import { writeFileSync } from 'node:fs';
import { browserFlags, positiveInteger, positiveIntegers, runScript } from './lib/command-line.mjs';
import { openPage, warnOfSoftware } from './lib/harness.mjs';

const flags = {
  tokens: {
    type: 'string',
    value: 'n,…',
    default: '512,2048',
    parse: positiveIntegers,
    help: 'lengths of the text',
  },
  rate: {
    type: 'string',
    value: 'n,…',
    default: '4,8',
    parse: positiveIntegers,
    help: 'tokens for each soft token',
  },
  repetitions: {
    type: 'string',
    value: 'n',
    default: '5',
    parse: positiveInteger,
    help: 'measured, after a warm-up',
  },
  'new-tokens': {
    type: 'string',
    value: 'n',
    default: '16',
    parse: positiveInteger,
    help: 'length of each answer',
  },
  json: { type: 'string', value: 'out.json', help: 'write the result' },
  screenshot: { type: 'string', value: 'out.png', help: 'take a picture of the page with table and chart' },
  ...browserFlags,
};
const usage = `npm run bench [-- --device wasm|webgpu --tokens 512,2048 --rate 4,8 --json out.json]

Measures, in one run on the same text and question, compressed soft tokens against the original prompt through the
same decoder graph. bench.html does the same by hand in any browser (npm start).`;

const ms = (value) => value.toFixed(value < 100 ? 1 : 0);
const range = ({ median, min, max }) => `${ms(median)} (${ms(min)}–${ms(max)})`;
const times = (value) => `${value.toFixed(2)}×`;

/** Rows of text cells, as a table with aligned columns. */
export function formatTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function tableOf(result) {
  const rows = [
    [
      'tokens',
      'method',
      'compress',
      'first token',
      'per token',
      'first answer',
      'faster',
      'second question',
      'faster',
    ],
  ];
  for (const { tokens, full, gmsa } of result.lengths) {
    const total = range(full.total);
    rows.push([
      `${tokens}`,
      'original',
      '–',
      range(full.firstToken),
      range(full.perToken),
      total,
      '',
      total,
      '',
    ]);
    for (const row of gmsa) {
      rows.push([
        `${tokens}`,
        `${row.rate}x → ${row.softTokens}`,
        range(row.compress),
        range(row.firstToken),
        range(row.perToken),
        range(row.total),
        times(row.ratio.firstAnswer),
        range(row.second.total),
        times(row.ratio.secondAnswer),
      ]);
    }
  }
  return formatTable(rows);
}

await runScript({ usage, flags }, async (values) => {
  const opened = await openPage(values, 'bench.html');
  const { page, orCrash } = opened;
  try {
    page.on('console', (message) => {
      if (message.type() === 'log' && !values.verbose) console.error(message.text());
    });
    await page.waitForFunction(() => window.gmsaBench !== undefined);
    const outcome = await orCrash(
      page.evaluate(
        (options) =>
          window.gmsaBench.run(options).then(
            (value) => ({ value }),
            ({ code, message, fix, stack }) => ({ error: { code, message, fix, stack } }),
          ),
        {
          model: opened.modelUrl,
          device: values.device,
          dtype: values.dtype,
          tokens: values.tokens,
          rates: values.rate,
          repetitions: values.repetitions,
          newTokens: values['new-tokens'],
        },
      ),
    );
    if (outcome.error) throw Object.assign(new Error(outcome.error.message), outcome.error);
    const result = { ...outcome.value, browser: opened.browser };
    warnOfSoftware(result, values);
    if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
    if (values.screenshot) await page.screenshot({ path: values.screenshot, fullPage: true });
    const gpu = result.adapter ? `, ${result.adapter.vendor} ${result.adapter.architecture}`.trimEnd() : '';
    console.log(`${result.model}, ${result.device} ${result.dtype}${gpu}, ${opened.browser}, ${result.date}`);
    console.log(
      `milliseconds: median of ${result.repetitions} (smallest–largest), ${result.newTokens} tokens generated`,
    );
    console.log(tableOf(result));
  } finally {
    await opened.close();
  }
});
