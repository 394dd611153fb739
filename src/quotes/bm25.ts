// Ranks units by BM25. The Python twin is training/gmsa_quotes/bm25.py; vectors.json pins both.
import { type Column, column8, column16, column32 } from './column.js';
import { expectedKind, holdsKind } from './expected.js';
import type { TextRange } from './line-forms.js';
import { askedTerms, term, wordsOf } from './terms.js';
import { UnitCutter, type Units } from './units.js';

const K1 = 1.5;
const B = 0.75;
/** What a unit gains that holds the kind of thing asked for: this share of the weight of a word that as many units hold. */
const EXPECTED = 0.7;
const EXPECTED_LEAST = 0.3; // added to that weight

/**
 * The hashes of terms, unit by unit in the order of the text. A scan over all of them takes less than a millisecond for a
 * text of 64k tokens, so there are no lists by term.
 */
export interface TermColumns {
  hashes: Column<Uint32Array>;
  /** How many hashes are a unit's. */
  counts: Column<Uint16Array>;
}

/** Units of a text and their terms; the text may grow. */
export class QuoteIndex {
  readonly units: Units;
  readonly terms: TermColumns;
  readonly #cutter: UnitCutter | undefined;
  #text: string;
  /** Hashes of the terms of each heading and of each header row, made when they are first asked for. */
  #headings: number[][] = [];
  #headers: number[][] = [];
  /** For each kind of thing asked for so far, 1 for the units that hold one. */
  readonly #holding = new Map<number, Column<Uint8Array>>();

  /** @param opened from a file, complete */
  constructor(opened?: { text: string; units: Units; terms: TermColumns }) {
    this.#cutter = opened ? undefined : new UnitCutter();
    this.#text = opened?.text ?? '';
    this.units = opened?.units ?? this.#cutter!.units;
    this.terms = opened?.terms ?? { hashes: column32(), counts: column16() };
  }

  /** The index of a whole reading text. */
  static of(text: string): QuoteIndex {
    const index = new QuoteIndex();
    index.extend(text, true);
    return index;
  }

  /** The reading text, of which units and quotes give places. */
  get text(): string {
    return this.#text;
  }

  /**
   * Adds what has become part of the text, in time linear in that.
   * @param text the whole reading text so far, which starts with the text of the last call
   * @param isComplete nothing will follow; else the last lines wait for the next call
   */
  extend(text: string, isComplete: boolean): void {
    this.#text = text;
    this.#cutter?.extend(text, isComplete);
    const { hashes, counts } = this.terms;
    for (let unit = counts.length; unit < this.units.length; unit += 1) {
      const before = hashes.length;
      for (const hash of hashesOf(
        this.#slice({ start: this.units.start(unit), end: this.units.end(unit) }),
      )) {
        hashes.push(hash);
      }
      counts.push(hashes.length - before);
    }
  }

  /**
   * A score for each unit: BM25, and more where it holds what the question asks for (a sum, a number, a date, a name). 0
   * where it has neither that nor a word of the question.
   */
  scores(question: string): Float64Array {
    this.#hashHeadings();
    const asked = [...askedTerms(question)].map(([one, weight]) => ({ hash: hashOfTerm(one), weight }));
    const slots = new Map(asked.map(({ hash }, slot) => [hash, slot]));
    const n = this.units.length;
    const { lengths, counts } = this.#count(slots);
    const mean = lengths.reduce((sum, length) => sum + length, 0) / n || 1;
    const norms = Float64Array.from(lengths, (length) => K1 * (1 - B + (B * length) / mean));
    const totals = new Float64Array(n);
    for (const { hash, weight } of asked) {
      const inUnits = counts[slots.get(hash)!]!;
      let holding = 0;
      for (let unit = 0; unit < n; unit += 1) if (inUnits[unit]! > 0) holding += 1;
      const factor = idf(n, holding) * (K1 + 1) * weight;
      for (let unit = 0; unit < n; unit += 1) {
        const count = inUnits[unit]!;
        if (count === 0) continue;
        totals[unit]! += (factor * count) / (count + norms[unit]!);
      }
    }
    this.#addExpected(question, totals);
    return totals;
  }

  #addExpected(question: string, totals: Float64Array): void {
    const kind = expectedKind(question);
    if (kind === undefined) return;
    const holding = this.#holding.get(kind) ?? column8();
    this.#holding.set(kind, holding);
    for (let unit = holding.length; unit < totals.length; unit += 1) {
      const text = this.#text.slice(this.units.start(unit), this.units.end(unit));
      holding.push(holdsKind(kind, text) ? 1 : 0);
    }
    const holds = holding.view();
    const number = holds.reduce((sum, one) => sum + one, 0);
    const gain = EXPECTED * (idf(totals.length, number) + EXPECTED_LEAST);
    for (let unit = 0; unit < totals.length; unit += 1) if (holds[unit] === 1) totals[unit]! += gain;
  }

  /** Whether every word of the headings that a unit stands under is among its own. */
  namesHeadings(unit: number): boolean {
    const own = new Set(hashesOf(this.#slice(this.units.at(unit))));
    return this.units
      .at(unit)
      .headings.every((range) => hashesOf(this.#slice(range)).every((h) => own.has(h)));
  }

  /** The terms of each unit, those above it among them, and how many of them are those of each slot. */
  #count(slots: ReadonlyMap<number, number>): { lengths: Uint32Array; counts: Uint32Array[] } {
    const { columns } = this.units;
    const n = this.units.length;
    const inHeadings = this.#headings.map((own) => countOf(own, slots));
    inHeadings.forEach((heading, i) => {
      const above = columns.headings.at(3 * i + 2); // stands before it
      if (above > 0) add(heading, inHeadings[above - 1]!);
    });
    const inHeaders = this.#headers.map((own) => countOf(own, slots));
    const lengths = new Uint32Array(n);
    const counts = Array.from({ length: slots.size }, () => new Uint32Array(n));
    const hashes = this.terms.hashes.view();
    const lastBytes = new Uint8Array(256); // of the hashes asked for: few others pass
    for (const hash of slots.keys()) lastBytes[hash & 255] = 1;
    let at = 0;
    for (let place = 0; place < columns.placeFrom.length; place += 1) {
      const above = countOf([], slots);
      const heading = columns.placeHeading.at(place);
      const header = columns.placeHeader.at(place);
      if (heading > 0) add(above, inHeadings[heading - 1]!);
      if (header > 0) add(above, inHeaders[header - 1]!);
      const first = columns.placeFrom.at(place);
      const last = place + 1 < columns.placeFrom.length ? columns.placeFrom.at(place + 1) : n;
      for (const [slot, count] of above.found) counts[slot]!.fill(count, first, last);
      for (let unit = first; unit < last; unit += 1) {
        const own = this.terms.counts.at(unit);
        lengths[unit] = own + above.length;
        for (const end = at + own; at < end; at += 1) {
          if (lastBytes[hashes[at]! & 255] === 0) continue;
          const slot = slots.get(hashes[at]!);
          if (slot !== undefined) counts[slot]![unit]! += 1;
        }
      }
    }
    return { lengths, counts };
  }

  #hashHeadings(): void {
    const { headings, headers } = this.units.columns;
    for (let i = this.#headings.length; 3 * i < headings.length; i += 1) {
      this.#headings.push(hashesOf(this.#slice({ start: headings.at(3 * i), end: headings.at(3 * i + 1) })));
    }
    for (let i = this.#headers.length; 2 * i < headers.length; i += 1) {
      this.#headers.push(hashesOf(this.#slice({ start: headers.at(2 * i), end: headers.at(2 * i + 1) })));
    }
  }

  #slice({ start, end }: TextRange): string {
    return this.#text.slice(start, end);
  }
}

function idf(units: number, holding: number): number {
  return Math.log(1 + (units - holding + 0.5) / (holding + 0.5));
}

/** How many terms a heading or header has, and how many of each slot. */
interface Counts {
  length: number;
  found: Map<number, number>;
}

function countOf(hashes: readonly number[], slots: ReadonlyMap<number, number>): Counts {
  const found = new Map<number, number>();
  for (const hash of hashes) {
    const slot = slots.get(hash);
    if (slot !== undefined) found.set(slot, (found.get(slot) ?? 0) + 1);
  }
  return { length: hashes.length, found };
}

function add(to: Counts, more: Counts): void {
  to.length += more.length;
  for (const [slot, count] of more.found) to.found.set(slot, (to.found.get(slot) ?? 0) + count);
}

/**
 * Reciprocal rank fusion: the sum of 1 / (k + rank) over the scores. A score of 0 has no rank; of equal ones the earlier
 * unit ranks first.
 */
export function fuse(scores: readonly ArrayLike<number>[], k = 10): Float64Array {
  const fused = new Float64Array(scores[0]?.length ?? 0);
  for (const one of scores) {
    ranked(one).forEach((unit, i) => {
      fused[unit]! += 1 / (k + i + 1);
    });
  }
  return fused;
}

/** The units with a score above 0, the best first; of equal ones the earlier first. */
export function ranked(scores: ArrayLike<number>): number[] {
  const units: number[] = [];
  for (let unit = 0; unit < scores.length; unit += 1) if (scores[unit]! > 0) units.push(unit);
  return units.sort((a, b) => scores[b]! - scores[a]! || a - b);
}

const MOST_KNOWN_WORDS = 1 << 17;
/** Hashes by word as it stands, 0 for a stop word: nearly every word of a text has been seen before. */
const known = new Map<string, number>();

function hashesOf(text: string): number[] {
  const hashes: number[] = [];
  for (const word of wordsOf(text)) {
    let hash = known.get(word);
    if (hash === undefined) {
      const one = term(word);
      hash = one === '' ? 0 : hashOfTerm(one);
      if (known.size >= MOST_KNOWN_WORDS) known.clear();
      if (word.length <= 40) known.set(word, hash);
    }
    if (hash !== 0) hashes.push(hash);
  }
  return hashes;
}

/** 32-bit FNV-1a over UTF-16 code units; never 0. */
function hashOfTerm(one: string): number {
  let hash = 2166136261;
  for (let i = 0; i < one.length; i += 1) hash = Math.imul(hash ^ one.charCodeAt(i), 16777619);
  return hash >>> 0 || 1;
}
