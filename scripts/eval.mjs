// npm run eval: answers the questions of a file in a headless Chromium and scores them like SQuAD.
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { browserFlags, positiveInteger, quotesFlag, runScript } from './lib/command-line.mjs';
import { openHarness } from './lib/harness.mjs';
import { readQaFile } from './lib/qa-data.mjs';
import { firstLine, scoreAnswer } from './lib/squad-metrics.mjs';
import { mean, median } from './lib/statistics.mjs';

const MAX_NEW_TOKENS = 32; // as in the Python evaluator

const flags = {
  data: {
    type: 'string',
    value: 'file.jsonl[.gz]',
    required: true,
    help: 'rows with passages, or SQuAD paragraphs with qas',
  },
  rate: {
    type: 'string',
    value: 'n',
    parse: positiveInteger,
    help: "tokens for each soft token (default: the model's)",
  },
  quotes: quotesFlag,
  limit: {
    type: 'string',
    value: 'n',
    parse: positiveInteger,
    help: 'how many questions, from the beginning',
  },
  json: { type: 'string', value: 'out.json', help: 'write scores, times and one record a question' },
  ...browserFlags,
};
const usage = `npm run eval -- --data file.jsonl[.gz] [--rate 4] [--limit N] [--device wasm|webgpu] [--json out.json]

Each text is compressed once and kept for its questions. Decoding is greedy, at most ${MAX_NEW_TOKENS} tokens; the first
line of the output, trimmed, is scored. A text that is too long counts as a wrong answer.`;

/** Errors that concern one text or question; any other ends the run. */
const ROW_ERRORS = new Set(['TOO_LONG', 'BAD_INPUT']);

async function answerAll(harness, contexts, { rate, quotes }, onRecord) {
  const times = { compress: [], firstToken: [], perToken: [] };
  const record = (question, prediction, extra) =>
    onRecord({ ...question, prediction, ...scoreAnswer(prediction, question.answers), ...extra });
  for (const { text, questions } of contexts) {
    let context;
    for (const question of questions) {
      try {
        if (!context) {
          context = await harness.call('compress', text, { rate });
          times.compress.push(context.ms);
        }
        const output = await harness.call('ask', context.id, question.question, {
          maxNewTokens: MAX_NEW_TOKENS,
          quotes,
        });
        times.firstToken.push(output.stats.msToFirstToken);
        if (output.stats.newTokens > 1) times.perToken.push(output.stats.msPerToken);
        record(question, firstLine(output.text), {
          tokenIds: output.tokenIds,
          reading: output.stats.reading,
        });
      } catch (error) {
        if (!ROW_ERRORS.has(error.code)) throw error;
        record(question, '', { tokenIds: [], error: `${error.code}: ${error.message}` });
      }
    }
    if (context) await harness.call('release', context.id);
  }
  return times;
}

await runScript({ usage, flags }, async (values) => {
  const contexts = readQaFile(values.data, { limit: values.limit });
  const total = contexts.reduce((sum, { questions }) => sum + questions.length, 0);
  const harness = await openHarness(values);
  try {
    const { device, dtype, adapter, model } = harness.info;
    const rate = values.rate ?? model.defaultRate;
    const records = [];
    const { quotes = 'auto' } = values;
    const times = await answerAll(harness, contexts, { rate, quotes }, (record) => {
      records.push(record);
      if (records.length % 10 === 0 || records.length === total) {
        console.error(
          `${records.length} of ${total}, F1 so far ${(100 * mean(records.map(({ f1 }) => f1))).toFixed(1)}`,
        );
      }
    });
    const percent = (key) => 100 * mean(records.map((record) => record[key]));
    const summary = {
      data: basename(values.data),
      model: harness.modelName,
      rate,
      quotes,
      device,
      dtype,
      adapter,
      browser: harness.browser,
      date: new Date().toISOString(),
      questions: records.length,
      errors: records.filter(({ error }) => error).length,
      em: percent('em'),
      f1: percent('f1'),
      accuracy: percent('accuracy'),
      medianMs: {
        compress: median(times.compress),
        firstToken: median(times.firstToken),
        perToken: median(times.perToken),
      },
    };
    if (values.json) writeFileSync(values.json, `${JSON.stringify({ ...summary, records }, null, 1)}\n`);
    const ms = (value) => (value === undefined ? '–' : `${value.toFixed(1)} ms`);
    console.log(
      [
        `${summary.model} on ${summary.data}, rate ${rate}, ${device} ${dtype}, ${summary.questions} questions`,
        `EM ${summary.em.toFixed(1)}  F1 ${summary.f1.toFixed(1)}  accuracy ${summary.accuracy.toFixed(1)}  errors ${summary.errors}`,
        `medians: compress ${ms(summary.medianMs.compress)}, first token ${ms(summary.medianMs.firstToken)}, per token ${ms(summary.medianMs.perToken)}`,
      ].join('\n'),
    );
  } finally {
    await harness.close();
  }
});
