// The scores of the official SQuAD v1.1 evaluation script, and the accuracy of the retrieval papers.

const PUNCTUATION = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g; // Python's string.punctuation
const ARTICLES = /(?<![\p{L}\p{N}_])(a|an|the)(?![\p{L}\p{N}_])/gu; // \b of Python, whose \w is not ASCII alone

/** Lower case, without punctuation and articles, white space squeezed. */
export function normaliseAnswer(text) {
  return text
    .toLowerCase()
    .replace(PUNCTUATION, '')
    .replace(ARTICLES, ' ')
    .split(/\s+/)
    .filter(Boolean)
    .join(' ');
}

function tokensOf(text) {
  const normalised = normaliseAnswer(text);
  return normalised ? normalised.split(' ') : [];
}

function f1Against(prediction, reference) {
  const predicted = tokensOf(prediction);
  const expected = tokensOf(reference);
  const left = new Map();
  for (const token of expected) left.set(token, (left.get(token) ?? 0) + 1);
  let common = 0;
  for (const token of predicted) {
    const count = left.get(token) ?? 0;
    if (count === 0) continue;
    left.set(token, count - 1);
    common++;
  }
  if (common === 0) return 0;
  const precision = common / predicted.length;
  const recall = common / expected.length;
  return (2 * precision * recall) / (precision + recall);
}

/** What is scored of an output: its first line, trimmed. */
export function firstLine(output) {
  return output.trim().split('\n', 1)[0].trim();
}

/**
 * Best score over the references, each 0 to 1.
 * @param {string} prediction
 * @param {readonly string[]} references
 * @returns {{ em: number, f1: number, accuracy: number }} accuracy: 1 if a reference occurs in the prediction
 */
export function scoreAnswer(prediction, references) {
  const normalised = normaliseAnswer(prediction);
  const expected = references.map(normaliseAnswer);
  return {
    em: expected.includes(normalised) ? 1 : 0,
    f1: Math.max(0, ...references.map((reference) => f1Against(prediction, reference))),
    accuracy: expected.some((reference) => reference !== '' && normalised.includes(reference)) ? 1 : 0,
  };
}
