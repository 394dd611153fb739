import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { contextText, parseQaLines, readQaFile } from './qa-data.mjs';

const squadRow = {
  title: 'Rhine',
  text: 'The Rhine is a river.',
  qas: [
    { id: 'a', question: 'What is the Rhine?', answers: ['a river', 'river'] },
    { id: 'b', question: 'Which river?', answers: ['Rhine'] },
  ],
};
const passagesRow = {
  id: 'c',
  question: 'Who?',
  answers: ['Ada'],
  passages: [
    { title: 'One', text: 'First.' },
    { title: '', text: 'Second.' },
  ],
  gold: 0,
};
const lines = (...rows) => rows.map((row) => JSON.stringify(row)).join('\n');

describe('question-answering files', () => {
  it('joins passages by a blank line, each after its title where it has one', () => {
    expect(contextText(passagesRow)).toBe('One\nFirst.\n\nSecond.');
  });

  it('takes a SQuAD paragraph alone, without its title', () => {
    expect(parseQaLines(lines(squadRow))).toEqual([{ text: squadRow.text, questions: squadRow.qas }]);
  });

  it('counts questions, not rows, for the limit', () => {
    const contexts = parseQaLines(lines(squadRow, squadRow, passagesRow), { limit: 1 });
    expect(contexts.flatMap((context) => context.questions.map((question) => question.id))).toEqual(['a']);
    expect(
      parseQaLines(lines(squadRow, passagesRow), { limit: 3 }).map((context) => context.questions.length),
    ).toEqual([2, 1]);
  });

  it('makes one context of neighbours with the same text', () => {
    const contexts = parseQaLines(lines(passagesRow, { ...passagesRow, id: 'd' }, squadRow));
    expect(contexts.map((context) => context.questions.map((question) => question.id))).toEqual([
      ['c', 'd'],
      ['a', 'b'],
    ]);
  });

  it('names a question without an id by its place', () => {
    const [context] = parseQaLines(lines(squadRow, { ...passagesRow, id: null }), { limit: 9 }).slice(-1);
    expect(context.questions[0].id).toBe('line 2, question 1');
  });

  it('names the line that is not JSON or of another schema', () => {
    expect(() => parseQaLines(`${lines(squadRow)}\n{`, { name: 'x.jsonl' })).toThrow(
      /x\.jsonl, line 2, is not JSON/,
    );
    expect(() => parseQaLines('{"title":"t","text":"prose"}')).toThrow(/line 1, has neither/);
    expect(() => parseQaLines('null')).toThrow(/line 1, has neither/);
    expect(() => parseQaLines('\n\n')).toThrow(/holds no questions/);
  });

  it('reads plain and gzipped files alike', () => {
    const folder = mkdtempSync(join(tmpdir(), 'qa-data-'));
    try {
      writeFileSync(join(folder, 'plain.jsonl'), lines(squadRow));
      writeFileSync(join(folder, 'packed.jsonl.gz'), gzipSync(lines(squadRow)));
      const plain = readQaFile(join(folder, 'plain.jsonl'));
      expect(plain).toHaveLength(1);
      expect(readQaFile(join(folder, 'packed.jsonl.gz'))).toEqual(plain);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
