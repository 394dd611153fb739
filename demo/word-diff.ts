// Which words of two texts are the same, by their longest common subsequence.

export interface DiffPart {
  kind: 'same' | 'removed' | 'added';
  /** Words with the white space that precedes them. */
  text: string;
}

/** Cells of the table (2 bytes each); larger pairs of texts are shown as wholly different. */
const MAX_CELLS = 16e6;

const wordsOf = (text: string): string[] => text.match(/\s*\S+/g) ?? [];

/** common[i][j] (row by row): length of the longest common subsequence of a from i and b from j. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint16Array {
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  return common;
}

/** The parts of `before` and `after` in order; 'same' parts carry the text of `after`. */
export function wordDiff(before: string, after: string): DiffPart[] {
  const parts: DiffPart[] = [];
  const push = (kind: DiffPart['kind'], text: string) => {
    const last = parts.at(-1);
    if (last?.kind === kind) last.text += text;
    else parts.push({ kind, text });
  };
  const [a, b] = [wordsOf(before), wordsOf(after)];
  if ((a.length + 1) * (b.length + 1) > MAX_CELLS || Math.max(a.length, b.length) > 0xffff) {
    push('removed', before);
    push('added', after);
    return parts;
  }
  const trim = (word: string) => word.trim();
  const [plainA, plainB] = [a.map(trim), b.map(trim)];
  const common = commonLengths(plainA, plainB);
  const width = b.length + 1;
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && plainA[i] === plainB[j]) {
      push('same', b[j++]!);
      i++;
    } else if (
      j >= b.length ||
      (i < a.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      push('removed', a[i++]!);
    } else {
      push('added', b[j++]!);
    }
  }
  return parts;
}
