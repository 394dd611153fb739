import fc from 'fast-check';
import { expect, test } from 'vitest';
import { trimmed } from './trimmed.js';

test('the pieces, joined, are the trimmed text, however it was cut', () => {
  const piece = fc.string({ unit: fc.constantFrom(' ', '\n', '\u00a0', 'a', 'é', '😀'), maxLength: 4 });
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const written: string[] = [];
      const write = trimmed((text) => written.push(text));
      for (const text of pieces) write(text);
      expect(written.join('')).toBe(pieces.join('').trim());
      expect(written).not.toContain('');
    }),
  );
});
