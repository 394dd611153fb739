import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GmsaError, toGmsaError } from './errors.js';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const rows = read('../docs/guide/errors.md')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('the table of errors lists exactly the codes there are, each with all that it promises', () => {
  const source = read('./errors.ts');
  const union = source.slice(
    source.indexOf('GmsaErrorCode ='),
    source.indexOf(';', source.indexOf('GmsaErrorCode =')),
  );
  const codes = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(10);
  const [header, , abort, ...faults] = rows;
  expect(header).toEqual(['code', 'when', 'calls under way', 'the next call', 'what to do']);
  expect(abort![0]).toMatch(/^abort/);
  expect(faults.map(([code]) => code!.replaceAll('`', '')).toSorted()).toEqual(codes.toSorted());
  for (const row of rows) {
    expect(row).toHaveLength(5);
    for (const cell of row) expect(cell).not.toBe('');
  }
});

test.each(['std::bad_alloc', 'Array buffer allocation failed', 'Out of memory'])(
  '"%s" is OUT_OF_MEMORY',
  (text) => {
    expect(toGmsaError(new RangeError(text), 'decoding')).toMatchObject({ code: 'OUT_OF_MEMORY' });
  },
);

test('a trap of wasm is WORKER_CRASHED', () => {
  const trap = new WebAssembly.RuntimeError('unreachable');
  expect(toGmsaError(trap, 'decoding')).toMatchObject({
    code: 'WORKER_CRASHED',
    message: 'ONNX Runtime crashed while decoding: unreachable',
    cause: trap,
  });
});

test('an unknown error is explained by what was under way, a known one stays itself', () => {
  const known = new GmsaError('BAD_INPUT', 'a', 'b');
  expect(toGmsaError(known, 'x')).toBe(known);
  const abort = new DOMException('stopped', 'AbortError');
  expect(toGmsaError(abort, 'x')).toBe(abort);
  const inner = new Error('odd');
  expect(toGmsaError(inner, 'decoding')).toMatchObject({
    code: 'INTERNAL',
    message: 'Something failed while decoding: odd',
    cause: inner,
  });
});
