// node scripts/bench-wasm-decode.mjs: decoding a token on single-threaded wasm, f32 graphs expanded from the q4
// download against q4 products (MatMulNBits), in one run of one page.
import { writeFileSync } from 'node:fs';
import { browserFlags, positiveInteger, runScript } from './lib/command-line.mjs';
import { openHarness } from './lib/harness.mjs';
import { median } from './lib/statistics.mjs';

const { model, models, pages, verbose } = browserFlags;
const flags = {
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
    help: 'decoded in each repetition',
  },
  json: { type: 'string', value: 'out.json', help: 'write the result' },
  model,
  models,
  pages,
  verbose,
  'chromium-args': browserFlags['chromium-args'],
};
const usage = 'node scripts/bench-wasm-decode.mjs [--json out.json]';

const TEXT = 'The Rhine rises in the Swiss Alps and flows through six countries to the North Sea.';
const QUESTION = 'Where does the Rhine rise?';

await runScript({ usage, flags }, async (values) => {
  const harness = await openHarness({ ...values, device: 'wasm' }, { load: false });
  try {
    const DTYPES = ['fp32', 'q4'];
    for (const dtype of DTYPES)
      await harness.call('load', harness.modelUrl, { device: 'wasm', dtype }, dtype);
    const newTokens = values['new-tokens'];
    const length = { minNewTokens: newTokens, maxNewTokens: newTokens };
    const samples = Object.fromEntries(DTYPES.map((dtype) => [dtype, []]));
    const answers = {};
    // They take turns, so that a change of the machine's speed meets both; the first turn warms up.
    for (let repetition = 0; repetition <= values.repetitions; repetition++) {
      for (const dtype of DTYPES) {
        const { text, stats } = await harness.call('askFullText', TEXT, QUESTION, length, dtype);
        if (repetition > 0) samples[dtype].push(stats.msPerToken);
        answers[dtype] = text;
      }
    }
    const results = {};
    for (const dtype of DTYPES) {
      const list = samples[dtype];
      const spread = { median: median(list), min: Math.min(...list), max: Math.max(...list) };
      results[dtype] = { msPerToken: spread, answer: answers[dtype] };
      console.log(
        `${dtype}: ${spread.median.toFixed(1)} ms per token (${spread.min.toFixed(1)}–${spread.max.toFixed(1)})`,
      );
    }
    const ratio = results.q4.msPerToken.median / results.fp32.msPerToken.median;
    console.log(
      `expanded f32 decodes ${ratio.toFixed(1)} times as fast as q4 products (${harness.browser}, one thread)`,
    );
    const record = {
      model: harness.modelName,
      browser: harness.browser,
      date: new Date().toISOString(),
      newTokens,
    };
    if (values.json)
      writeFileSync(values.json, `${JSON.stringify({ ...record, ratio, ...results }, null, 1)}\n`);
  } finally {
    await harness.close();
  }
});
