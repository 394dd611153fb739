// Worker only. The texts of contexts, as quotes are taken from them.
import { QuoteIndex } from '../../quotes/bm25.js';
import type { TextRange } from '../../quotes/line-forms.js';
import { type Quote as ReadQuote, selectQuotes } from '../../quotes/select.js';
import { findSupport } from '../../quotes/support.js';
import { type ReadingText, readingText } from '../../segments/reading-text.js';
import type { AnswerSupport, Quote } from './api.js';

/** A text that questions are asked about. Places inside are those of the reading text; what goes out has the source's. */
export class QuotableText {
  readonly #source: string;
  readonly #reading: ReadingText;
  #index: QuoteIndex | undefined;

  /** @param source the reader's text, normalised */
  constructor(source: string) {
    this.#source = source;
    this.#reading = readingText(source);
  }

  /** As it is read. */
  get text(): string {
    return this.#reading.text;
  }

  /** What to quote for a question (read as the text is) in at most so many tokens. */
  select(question: string, budget: number, count: (text: string) => number): ReadQuote[] {
    this.#index ??= QuoteIndex.of(this.text);
    return selectQuotes(this.#index, question, { budget, count });
  }

  /** Where an answer, and what it is made of, stands in the source. */
  support(answer: string, quotes: readonly ReadQuote[]): AnswerSupport {
    const { source, parts, isSupported } = findSupport(answer, this.text, quotes);
    return {
      source: this.#place(source),
      parts: parts.map((part) => ({ ...part, source: this.#place(part.source) })),
      isSupported,
    };
  }

  /** The quotes as they stand in the source. */
  inSource(quotes: readonly ReadQuote[], { source: answer }: Pick<AnswerSupport, 'source'>): Quote[] {
    return quotes.map(({ start, end, score }) => {
      const place = this.#place({ start, end });
      const holdsAnswer = answer && place.start <= answer.start && answer.end <= place.end;
      return {
        ...place,
        text: this.#source.slice(place.start, place.end),
        score,
        ...(holdsAnswer ? { answer: { ...answer } } : {}),
      };
    });
  }

  #place(range: TextRange): TextRange;
  #place(range: TextRange | undefined): TextRange | undefined;
  #place(range: TextRange | undefined): TextRange | undefined {
    return range && this.#reading.toSource(range.start, range.end);
  }
}

/** Texts whose indices are kept: each takes at most twice its text's memory, and is made again in milliseconds. */
const KEPT = 4;

/** Those used last. */
export class QuotableTexts {
  readonly #kept = new Map<number, QuotableText>();

  /** @param source text of the context; the same context always has the same one */
  of(contextId: number, source: string): QuotableText {
    const text = this.#kept.get(contextId) ?? new QuotableText(source);
    this.#kept.delete(contextId); // and to the end: used last
    this.#kept.set(contextId, text);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return text;
  }

  drop(contextId: number): void {
    this.#kept.delete(contextId);
  }
}
