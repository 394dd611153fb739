// Reads question-answering files: JSON Lines, also gzipped, in two schemas:
//   {"id", "question", "answers": […], "passages": [{"title", "text"}, …]}
//   {"title", "text", "qas": [{"id", "question", "answers": […]}, …]}     (SQuAD, one paragraph a line)
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/**
 * @typedef {{ id: string, question: string, answers: string[] }} Question
 * @typedef {{ text: string, questions: Question[] }} Context a text and what is asked about it
 */

/** The text that is compressed: passages joined by a blank line, each after its title where it has one. */
export function contextText(row) {
  if (!row.passages) return row.text;
  return row.passages.map(({ title, text }) => (title ? `${title}\n${text}` : text)).join('\n\n');
}

function isQuestion(value) {
  return (
    (value?.id == null || typeof value.id === 'string') &&
    typeof value?.question === 'string' &&
    Array.isArray(value.answers) &&
    value.answers.length > 0 &&
    value.answers.every((answer) => typeof answer === 'string')
  );
}

/** The place in the file is the id of a question that has none. */
function parseRow(line, number, where) {
  let row;
  try {
    row = JSON.parse(line);
  } catch (cause) {
    throw new Error(`${where} is not JSON: ${cause.message}`, { cause });
  }
  const questions = row?.qas ?? [row];
  const text = row && contextText(row);
  if (typeof text !== 'string' || !Array.isArray(questions) || !questions.every(isQuestion)) {
    throw new Error(`${where} has neither {id, question, answers, passages} nor {text, qas}`);
  }
  return {
    text,
    questions: questions.map(({ id, question, answers }, index) => ({
      id: id ?? `line ${number}, question ${index + 1}`,
      question,
      answers,
    })),
  };
}

/**
 * @param {string} source the file's text
 * @param {{ limit?: number, name?: string }} [options] limit: how many questions to take from the beginning
 * @returns {Context[]} in the order of the file; neighbours with the same text are one context
 */
export function parseQaLines(source, { limit = Number.POSITIVE_INFINITY, name = 'data' } = {}) {
  const contexts = [];
  let left = limit;
  for (const [index, line] of source.split('\n').entries()) {
    if (left <= 0) break;
    if (line.trim() === '') continue;
    const row = parseRow(line, index + 1, `${name}, line ${index + 1},`);
    const questions = row.questions.slice(0, left);
    left -= questions.length;
    if (questions.length === 0) continue;
    const last = contexts.at(-1);
    if (last?.text === row.text) last.questions.push(...questions);
    else contexts.push({ text: row.text, questions });
  }
  if (contexts.length === 0) throw new Error(`${name} holds no questions`);
  return contexts;
}

/** @param {string} path .jsonl or .jsonl.gz */
export function readQaFile(path, options = {}) {
  const bytes = readFileSync(path);
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const source = (gzipped ? gunzipSync(bytes) : bytes).toString('utf8');
  return parseQaLines(source, { name: path, ...options });
}
