// npm run ask: compresses a text file and answers a question about it, in a headless Chromium.
import { readFileSync } from 'node:fs';
import { browserFlags, positiveInteger, runScript } from './lib/command-line.mjs';
import { openHarness } from './lib/harness.mjs';

const flags = {
  file: { type: 'string', value: 'path', required: true, help: 'the text, UTF-8; - reads standard input' },
  question: { type: 'string', value: '"…"', required: true, help: 'the question' },
  rate: {
    type: 'string',
    value: 'n',
    parse: positiveInteger,
    help: "tokens for each soft token (default: the model's)",
  },
  'max-new-tokens': { type: 'string', value: 'n', parse: positiveInteger, help: 'longest answer' },
  json: { type: 'boolean', help: 'print the answer and all figures as JSON' },
  ...browserFlags,
};
const usage = 'npm run ask -- --file text.txt --question "…" [--rate 4] [--device wasm|webgpu] [--json]';

await runScript({ usage, flags }, async (values) => {
  const text = readFileSync(values.file === '-' ? 0 : values.file, 'utf8');
  const harness = await openHarness(values);
  try {
    const { id, ...context } = await harness.call('compress', text, { rate: values.rate });
    const { stats, ...answer } = await harness.call('ask', id, values.question, {
      maxNewTokens: values['max-new-tokens'],
    });
    if (values.json) {
      const { device, dtype, adapter } = harness.info;
      const record = { model: harness.modelName, device, dtype, adapter, browser: harness.browser };
      console.log(
        JSON.stringify({ ...record, question: values.question, ...answer, context, stats }, null, 2),
      );
      return;
    }
    console.log(answer.text);
    console.error(
      `${context.tokens} tokens → ${context.softTokens} soft tokens in ${context.ms.toFixed(0)} ms; ` +
        `first token after ${stats.msToFirstToken.toFixed(0)} ms, ${stats.msPerToken.toFixed(1)} ms a token ` +
        `(${harness.info.device}, ${harness.info.dtype})`,
    );
  } finally {
    await harness.close();
  }
});
