// The demo: a text is compressed, asked about and written again.
import type { CompressedContext } from '../src/index.js';
import { create, element } from './dom.js';
import { type Example, loadExamples } from './examples.js';
import { formatDuration } from './format.js';
import { chosenRate, ensureModel, showCache } from './model.js';
import { markRefusal } from './refusal.js';
import { readTokens, showSource } from './source.js';
import { runTask } from './task.js';
import { wordDiff } from './word-diff.js';

const text = element<HTMLTextAreaElement>('text');
const question = element<HTMLInputElement>('question');
const source = element('source');
const compressStatus = element('compress-status');
const restoreStatus = element('restore-status');

/** What was compressed last, to be used again while text and rate stay the same. */
let compressed: { text: string; context: CompressedContext } | undefined;

async function ensureCompressed(signal: AbortSignal) {
  const gmsa = await ensureModel(signal);
  const rate = chosenRate(gmsa);
  if (compressed?.text === text.value && compressed.context.rate === rate) {
    return { gmsa, context: compressed.context };
  }
  const original = text.value;
  try {
    const context = await gmsa.compress(original, {
      rate,
      signal,
      onProgress: ({ segments, totalSegments, totalTokens }) => {
        compressStatus.textContent = `Compressing ${totalTokens} tokens: segment ${segments} of ${totalSegments}`;
      },
    });
    compressed = { text: original, context };
    const fewer = (context.tokens / context.softTokens).toFixed(1);
    compressStatus.textContent =
      `${context.tokens} tokens → ${context.softTokens} soft tokens (${fewer}× fewer), ` +
      `in ${formatDuration(context.stats.ms)}`;
    return { gmsa, context };
  } catch (error) {
    compressStatus.textContent = '';
    throw error;
  }
}

async function ask(signal: AbortSignal): Promise<void> {
  const { gmsa, context } = await ensureCompressed(signal);
  const item = create('li');
  const answer = create('p', { className: 'answer' });
  const figures = create('p', { className: 'figures' });
  try {
    const stream = gmsa.ask(context, question.value, { signal });
    item.append(create('p', { className: 'asked', text: question.value }), answer, figures);
    element('answers').prepend(item);
    for await (const piece of stream) answer.append(piece);
    markRefusal(answer, gmsa.model.refusal);
    const stats = await stream.stats;
    showSource(answer, context.text, await stream.support);
    figures.textContent =
      `${readTokens(stats)} · ${formatDuration(stats.msToFirstToken)} to the first token · ` +
      `${formatDuration(stats.msPerToken)} per token${stats.reusedContext ? ' · context kept from before' : ''}`;
  } catch (error) {
    if (answer.textContent) figures.textContent = 'stopped';
    else item.remove();
    throw error;
  }
}

/** Original and restored text with their differences marked. */
function showComparison(original: string, restored: string): void {
  const left = element('original');
  const right = element('restored');
  left.replaceChildren();
  right.replaceChildren();
  let same = 0;
  let all = 0;
  for (const { kind, text: part } of wordDiff(original, restored)) {
    const words = part.split(/\s+/).filter(Boolean).length;
    if (kind !== 'added') all += words;
    if (kind === 'same') {
      same += words;
      left.append(part);
      right.append(part);
    } else if (kind === 'removed') left.append(create('del', { text: part }));
    else right.append(create('ins', { text: part }));
  }
  restoreStatus.textContent = `${same} of ${all} words came back`;
}

async function restore(signal: AbortSignal): Promise<void> {
  const { gmsa, context } = await ensureCompressed(signal);
  const original = context.segments.map((segment) => segment.text).join('');
  const restored = element('restored');
  element('original').textContent = original;
  restored.textContent = '';
  restoreStatus.textContent = 'Restoring …';
  element('comparison').hidden = false;
  const stream = gmsa.restore(context, { signal });
  try {
    for await (const piece of stream) restored.append(piece);
  } catch (error) {
    restoreStatus.textContent = '';
    throw error;
  }
  showComparison(original, await stream.text());
  const stats = await stream.stats;
  restoreStatus.append(`, ${formatDuration(stats.msPerToken)} per token`);
}

const runAsk = () => runTask('ask', ask);

function suggest(questions: readonly string[]): void {
  const chips = questions.map((suggestion) => {
    const chip = create('button', { className: 'chip', text: suggestion });
    chip.type = 'button';
    chip.addEventListener('click', () => {
      question.value = suggestion;
      void runAsk();
    });
    return chip;
  });
  element('suggestions').replaceChildren(...chips);
  element('suggested').hidden = chips.length === 0;
}

function showExample(example: Example): void {
  text.value = example.text;
  source.replaceChildren();
  if (example.origin) {
    const link = create('a', { text: example.origin.name });
    link.href = example.origin.url;
    source.append(link, ` (${example.origin.licence})`);
  }
  suggest(example.questions.map((entry) => entry.question));
  question.value = '';
  markExample(example.title);
}

function markExample(title: string | undefined): void {
  for (const chip of element('examples').children) {
    chip.setAttribute('aria-pressed', String(chip.textContent === title));
  }
}

let examples: Example[] = [];

async function offerExamples(): Promise<void> {
  examples = await loadExamples();
  for (const example of examples) {
    const chip = create('button', { className: 'chip', text: example.title });
    chip.type = 'button';
    chip.addEventListener('click', () => showExample(example));
    element('examples').append(chip);
  }
  // What was typed meanwhile stays.
  if (text.value === '') showExample(examples[0]!);
}
void offerExamples();
void showCache();

text.addEventListener('input', () => {
  // Somebody else's text: neither the source nor the questions of the example belong to it.
  if (examples.some((example) => example.text === text.value)) return;
  source.replaceChildren();
  suggest([]);
  markExample(undefined);
});
element('load').addEventListener('click', () =>
  runTask('load', async (signal) => {
    await ensureModel(signal);
  }),
);
element('compress').addEventListener('click', () =>
  runTask('compress', async (signal) => {
    await ensureCompressed(signal);
  }),
);
element('restore').addEventListener('click', () => runTask('restore', restore));
element('question-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void runAsk();
});
