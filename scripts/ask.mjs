// npm run ask: compresses a text file and answers a question about it, in a headless Chromium.
import { readFileSync } from 'node:fs';
import { browserFlags, positiveInteger, quotesFlag, runScript } from './lib/command-line.mjs';
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
  quotes: quotesFlag,
  'max-new-tokens': { type: 'string', value: 'n', parse: positiveInteger, help: 'longest answer' },
  json: { type: 'boolean', help: 'print the answer and all figures as JSON' },
  ...browserFlags,
};
const usage = `npm run ask -- --file text.txt --question "…" [--rate 4] [--quotes auto|off|n] [--device wasm|webgpu] [--json]

The answer goes to standard output. Standard error gets the line of the text that it stands in, whether the text supports it,
and figures.`;

/** How much of an answer stands in the text word for word. */
function supportInWords({ source, parts, isSupported }) {
  if (source) return 'stands in the text';
  const missing = parts.filter((part) => !part.source).map((part) => part.text);
  if (isSupported) return 'its numbers and names stand in the text';
  return missing.length > 0
    ? `not in the text: ${missing.join(', ')}`
    : 'does not stand in the text word for word';
}

function readingInWords({ reading, softTokens, quotedTokens }) {
  const quoted = `${quotedTokens} tokens of the text`;
  if (reading === 'whole') return `the whole text (${quotedTokens} tokens)`;
  if (reading === 'quotes') return quoted;
  return reading === 'both' ? `${softTokens} soft tokens and ${quoted}` : `${softTokens} soft tokens`;
}

await runScript({ usage, flags }, async (values) => {
  const text = readFileSync(values.file === '-' ? 0 : values.file, 'utf8');
  const harness = await openHarness(values);
  try {
    const { id, ...context } = await harness.call('compress', text, { rate: values.rate });
    const { stats, ...answer } = await harness.call('ask', id, values.question, {
      maxNewTokens: values['max-new-tokens'],
      quotes: values.quotes,
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
    const { line, support } = answer;
    if (line) console.error(`source: ${line.before}${line.marked}${line.after}`);
    if (answer.text !== harness.info.model.refusal) console.error(`support: ${supportInWords(support)}`);
    console.error(`read: ${readingInWords(stats)}`);
    console.error(
      `${context.tokens} tokens → ${context.softTokens} soft tokens in ${context.ms.toFixed(0)} ms; ` +
        `first token after ${stats.msToFirstToken.toFixed(0)} ms, ${stats.msPerToken.toFixed(1)} ms a token ` +
        `(${harness.info.device}, ${harness.info.dtype})`,
    );
  } finally {
    await harness.close();
  }
});
