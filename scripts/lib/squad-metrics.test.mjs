import { describe, expect, it } from 'vitest';
import { firstLine, normaliseAnswer, scoreAnswer } from './squad-metrics.mjs';

// Expected values were computed with the official evaluate-v1.1.py (accuracy by hand).
describe('SQuAD scores', () => {
  it('normalises like the official script', () => {
    expect(normaliseAnswer('The  Eiffel-Tower, (a landmark)!')).toBe('eiffeltower landmark');
    expect(normaliseAnswer('An apple a day; the end.')).toBe('apple day end');
    expect(normaliseAnswer('Theatre and analysis')).toBe('theatre and analysis');
    expect(normaliseAnswer('à la carte')).toBe('à la carte');
    expect(normaliseAnswer('Ça a été')).toBe('ça été');
  });

  it('takes the best of several references', () => {
    expect(scoreAnswer('October 1973', ['1973', 'October 1973'])).toEqual({ em: 1, f1: 1, accuracy: 1 });
    expect(scoreAnswer('in the fall of 1973', ['October 1973', 'fall 1973'])).toMatchObject({
      em: 0,
      f1: (2 * ((2 / 4) * (2 / 2))) / (2 / 4 + 2 / 2),
    });
  });

  it('counts a repeated word once for each time the reference has it', () => {
    expect(scoreAnswer('new new new york', ['new york']).f1).toBeCloseTo((2 * 0.5 * 1) / 1.5, 12);
  });

  it('gives nothing to an empty or unrelated prediction', () => {
    expect(scoreAnswer('', ['Paris'])).toEqual({ em: 0, f1: 0, accuracy: 0 });
    expect(scoreAnswer('Rome', ['Paris'])).toEqual({ em: 0, f1: 0, accuracy: 0 });
  });

  it('does not find an answer that is punctuation alone in every prediction', () => {
    expect(scoreAnswer('anything', ['…'.replace('…', '...')]).accuracy).toBe(0);
  });

  it('calls a longer prediction accurate when an answer occurs in it', () => {
    expect(scoreAnswer('It was built by Gustave Eiffel in 1889', ['Gustave Eiffel'])).toMatchObject({
      em: 0,
      accuracy: 1,
    });
  });

  it('scores the first line alone', () => {
    expect(firstLine('\n Paris \nQuestion: and?')).toBe('Paris');
    expect(firstLine('')).toBe('');
  });
});
