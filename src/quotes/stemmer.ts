// Porter's stemmer (1980) with the two departures of his own later code ("abli" became "bli", "logi" was added). The Python
// twin is training/gmsa_quotes/stemmer.py; https://tartarus.org/martin/PorterStemmer has the rules.
const C = '(?:[^aeiou][^aeiouy]*)';
const V = '(?:[aeiouy][aeiou]*)';
/** Measure above 0, equal to 1, above 1, in Porter's words. */
const SOME = new RegExp(`^${C}?${V}${C}`);
const ONE = new RegExp(`^${C}?${V}${C}${V}?$`);
const MORE = new RegExp(`^${C}?${V}${C}${V}${C}`);
const VOWEL = new RegExp(`^${C}?[aeiouy]`);
const SHORT = new RegExp(`^${C}[aeiouy][^aeiouwxy]$`);
const DOUBLE = /([^aeioulsz])\1$/;

const changes = (list: string): Map<string, string> =>
  new Map(list.split(' ').map((pair) => pair.split(':') as [string, string]));
const STEP_2 = changes(
  'ational:ate tional:tion enci:ence anci:ance izer:ize bli:ble alli:al entli:ent eli:e ousli:ous ization:ize ' +
    'ation:ate ator:ate alism:al iveness:ive fulness:ful ousness:ous aliti:al iviti:ive biliti:ble logi:log',
);
const STEP_3 = changes('icate:ic ative: alize:al iciti:ic ical:ic ful: ness:');
const SUFFIXES = [STEP_2, STEP_3].map((step) => ({
  step,
  suffix: new RegExp(`^(.+?)(${[...step.keys()].join('|')})$`),
}));
const SUFFIX_4 = /^(.+?)(al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|ou|ism|ate|iti|ous|ive|ize)$/;
const WORD = /^[a-z]{3,40}$/;

/** The stem of a lower-case word; words of other letters than a to z come back unchanged. */
export function stem(word: string): string {
  if (!WORD.test(word)) return word;
  const startsWithY = word[0] === 'y';
  let w = startsWithY ? `Y${word.slice(1)}` : word; // a consonant here

  if (w.endsWith('sses') || w.endsWith('ies')) w = w.slice(0, -2);
  else if (w.endsWith('s') && w.at(-2) !== 's') w = w.slice(0, -1);

  if (w.endsWith('eed')) {
    if (SOME.test(w.slice(0, -3))) w = w.slice(0, -1);
  } else {
    const base = w.endsWith('ed') ? w.slice(0, -2) : w.endsWith('ing') ? w.slice(0, -3) : '';
    if (VOWEL.test(base)) {
      w = base;
      if (/(?:at|bl|iz)$/.test(w) || SHORT.test(w)) w += 'e';
      else if (DOUBLE.test(w)) w = w.slice(0, -1);
    }
  }
  if (w.endsWith('y') && VOWEL.test(w.slice(0, -1))) w = `${w.slice(0, -1)}i`;

  for (const { step, suffix } of SUFFIXES) {
    const found = suffix.exec(w);
    if (found && SOME.test(found[1]!)) w = found[1]! + step.get(found[2]!)!;
  }
  const found = SUFFIX_4.exec(w);
  if (found) {
    if (MORE.test(found[1]!)) w = found[1]!;
  } else if (/[st]ion$/.test(w) && MORE.test(w.slice(0, -3))) w = w.slice(0, -3);

  if (w.endsWith('e')) {
    const base = w.slice(0, -1);
    if (MORE.test(base) || (ONE.test(base) && !SHORT.test(base))) w = base;
  }
  if (w.endsWith('ll') && MORE.test(w)) w = w.slice(0, -1);
  return startsWithY ? `y${w.slice(1)}` : w;
}
