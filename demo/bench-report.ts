// The benchmark's result as a table and a bar chart. All that goes into the markup is numbers and our own words.
import type { BenchResult, LengthResult, Spread } from './bench-run.js';

const milliseconds = (value: number) => (value < 100 ? value.toFixed(1) : value.toFixed(0));
const range = ({ median, min, max }: Spread) =>
  `${milliseconds(median)} <small>(${milliseconds(min)}–${milliseconds(max)})</small>`;
const times = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)}×`;

function rows({ tokens, full, gmsa }: LengthResult): string {
  const original = `<tr><th scope="row">${tokens}</th><td>original prompt</td><td>–</td><td>${range(full.firstToken)}</td>
    <td>${range(full.perToken)}</td><td>${range(full.total)}</td><td>1×</td><td>${range(full.total)}</td><td>1×</td></tr>`;
  const compressed = gmsa.map(
    (row) => `<tr><th scope="row">${tokens}</th><td>${row.rate}x, ${row.softTokens} soft tokens</td>
    <td>${range(row.compress)}</td><td>${range(row.firstToken)}</td><td>${range(row.perToken)}</td>
    <td>${range(row.total)}</td><td>${times(row.ratio.firstAnswer)}</td>
    <td>${range(row.second.total)}</td><td>${times(row.ratio.secondAnswer)}</td></tr>`,
  );
  return [original, ...compressed].join('');
}

export function tableMarkup(result: BenchResult): string {
  return `<table>
    <caption>Milliseconds: median of ${result.repetitions} (smallest–largest), ${result.newTokens} tokens generated</caption>
    <thead><tr><th scope="col">text tokens</th><th scope="col">method</th><th scope="col">compress</th>
      <th scope="col">to first token</th><th scope="col">per token</th><th scope="col">first answer, all in all</th>
      <th scope="col">faster</th><th scope="col">second question</th><th scope="col">faster</th></tr></thead>
    <tbody>${result.lengths.map(rows).join('')}</tbody></table>`;
}

interface Bar {
  label: string;
  parts: { kind: 'compress' | 'first' | 'rest'; ms: number }[];
}

function bars({ full, gmsa }: LengthResult): Bar[] {
  const answer = (timing: { firstToken: Spread; total: Spread }, compress = 0): Bar['parts'] => [
    { kind: 'compress', ms: compress },
    { kind: 'first', ms: timing.firstToken.median },
    { kind: 'rest', ms: Math.max(0, timing.total.median - compress - timing.firstToken.median) },
  ];
  return [
    { label: 'original prompt', parts: answer(full) },
    ...gmsa.flatMap((row) => [
      { label: `${row.rate}x, first question`, parts: answer(row, row.compress.median) },
      { label: `${row.rate}x, second question`, parts: answer(row.second) },
    ]),
  ];
}

const LABEL_WIDTH = 150;
const BAR_WIDTH = 420;
const ROW_HEIGHT = 22;

/** One chart a length; bars of one chart share a scale. */
export function chartMarkup(length: LengthResult): string {
  const list = bars(length);
  const total = ({ parts }: Bar) => parts.reduce((sum, { ms }) => sum + ms, 0);
  const scale = BAR_WIDTH / Math.max(...list.map(total));
  const body = list.map((bar, index) => {
    const y = index * ROW_HEIGHT;
    let x = LABEL_WIDTH;
    const rectangles = bar.parts.map(({ kind, ms }) => {
      const width = ms * scale;
      const rectangle = `<rect class="${kind}" x="${x.toFixed(1)}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW_HEIGHT - 6}" />`;
      x += width;
      return rectangle;
    });
    return `<text class="label" x="${LABEL_WIDTH - 8}" y="${y + 15}">${bar.label}</text>${rectangles.join('')}
      <text x="${(x + 6).toFixed(1)}" y="${y + 15}">${milliseconds(total(bar))} ms</text>`;
  });
  const height = list.length * ROW_HEIGHT;
  return `<figure><figcaption>${length.tokens} tokens of text</figcaption>
    <svg viewBox="0 0 ${LABEL_WIDTH + BAR_WIDTH + 80} ${height}" role="img"
      aria-label="Time of an answer at ${length.tokens} tokens; the figures are in the table">${body.join('')}</svg></figure>`;
}
