// What kind of thing a question asks for, and which units hold one. The Python twin is
// training/gmsa_quotes/bm25.py.

interface Kind {
  question: RegExp;
  unit: RegExp;
}

/** The first whose question matches is expected. \b, and the i flag without u, mean the same in Python with re.ASCII. */
const KINDS: readonly Kind[] = [
  {
    question: /\bhow much\b|\b(?:cost|price|total|amount)/i,
    unit: /[$\xa3\u20ac]|\b(?:dollars?|pounds?|euros?|cents?|million|billion|price|cost|fee)\b|[0-9][.,][0-9][0-9]\b/i,
  },
  {
    question:
      /\bhow (?:many|long|old|far|tall|high|heavy|big|large|fast|deep|wide)\b|\b(?:percent|number|population)/i,
    unit: /[0-9]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|first|second|third)\b/i,
  },
  {
    question: /\b(?:when|year|date|day|month|time)\b/i,
    unit: /\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?|1[0-9]{3}|20[0-9]{2})\b|\b[0-9]{1,2}[:/.-][0-9]{1,2}\b/,
  },
  { question: /\b(?:who|whose|whom|where)\b/i, unit: /[a-z,] [A-Z][a-z]/ },
];

/** Number of the kind of thing that a question asks for. */
export function expectedKind(question: string): number | undefined {
  const kind = KINDS.findIndex((one) => one.question.test(question));
  return kind < 0 ? undefined : kind;
}

/** Whether a unit's text holds a thing of a kind. */
export function holdsKind(kind: number, text: string): boolean {
  return KINDS[kind]!.unit.test(text);
}
