// Where sentences end. Intl.Segmenter differs between engines and from Python, where training cuts: these rules are the same
// in both (training/gmsa_quotes/units.py).
import { LOWER } from './line-forms.js';

const END =
  /[.!?\u2026\u061f\u06d4]+["'\u201d\u2019\xbb)\]*_]{0,8}|[\u3002\uff01\uff1f\u0964\u0965]+[\u201d\u2019\u300d\u300f\uff09]{0,8}/g;
/** Need no white space after them. */
const ENDS_ALONE = '\u3002\uff01\uff1f\u0964\u0965';
const SKIPPED = /[ \n\t]+["'\u201c\u2018\xab([*_\xbf\xa1]{0,4}/y;

const words = (list: string): Set<string> => new Set(list.split(' '));
/** Never end a sentence. */
const TITLES = words(
  'mr mrs ms dr prof st sr jr rev hon gov sen rep pres gen col lt sgt capt cmdr mt ft messrs mme fr',
);
/** End a sentence only before one of `STARTERS`, like initials and "U.S.". */
const SHORTENED = words(
  'etc inc ltd co corp bros no nos vs v cf al approx ca c dept est fig figs eq sec ch chap vol vols p pp ed eds art ' +
    'para tel jan feb mar apr jun jul aug sep sept oct nov dec ave blvd rd sq min max avg incl excl ext ph nr op b d r',
);
const STARTERS = words(
  'the a an in on at it he she they we you i this that these those his her their its there however but and if when ' +
    'after before as by for from with while although since what who how why where is are was were do does',
);

/** The sentences of `text[start, end)`, without the white space between them. */
export function* sentences(
  text: string,
  start: number,
  end: number,
): Generator<{ start: number; end: number }> {
  const line = text.slice(start, end);
  let begin = 0;
  for (const found of line.matchAll(END)) {
    const stop = found.index + found[0].length;
    if (stop >= line.length) break;
    if (!isWhite(line[stop]!) && !ENDS_ALONE.includes(found[0][0]!)) continue;
    if (!endsSentence(line, begin, found.index, found[0])) continue;
    yield { start: start + begin, end: start + stop };
    begin = stop;
    while (begin < line.length && isWhite(line[begin]!)) begin += 1;
  }
  if (begin < line.length) yield { start: start + begin, end };
}

export function isWhite(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\t';
}

/** Whether a sentence of `line` that starts at `begin` ends with the ending found at `mark`. */
function endsSentence(line: string, begin: number, mark: number, ending: string): boolean {
  if (ENDS_ALONE.includes(ending[0]!)) return true;
  const stop = mark + ending.length;
  SKIPPED.lastIndex = stop;
  const after = stop + (SKIPPED.exec(line)?.[0].length ?? 0);
  if (after >= line.length || LOWER.test(line[after]!)) return false;
  if (ending[0] !== '.' || ending[1] === '.') return true;

  let low = mark;
  while (low > begin && mark - low < 12 && !' \n\t("\'\u201c\u2018['.includes(line[low - 1]!)) low -= 1;
  const word = line.slice(low, mark);
  if (word === '' || (low === begin && word.length <= 3)) return false; // nothing, or the number of a point
  const lowered = word.toLowerCase();
  if (TITLES.has(lowered)) return false;
  const initial = word.length === 1 && word !== lowered;
  if (!initial && !word.includes('.') && !SHORTENED.has(lowered)) return true;
  if (word[0]! >= '0' && word[0]! <= '9') return true;
  let tail = after;
  while (tail < line.length && tail - after < 12 && !" \n\t,.;:'\u2019".includes(line[tail]!)) tail += 1;
  const follower = line.slice(after, tail);
  return STARTERS.has(follower.toLowerCase()) && follower[0] !== follower[0]!.toLowerCase();
}
