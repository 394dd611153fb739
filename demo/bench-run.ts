// The benchmark: the same text and question through compressed soft tokens and through the original prompt, in one run.
import type { Gmsa } from '../src/index.js';
import benchText from './bench-text.json' with { type: 'json' };

export interface BenchOptions {
  /** Lengths of the text, in tokens. */
  tokens: number[];
  rates: number[];
  /** Measured repetitions, after one that is thrown away. */
  repetitions: number;
  /** Tokens generated for each answer; forced, so that both methods generate the same number. */
  newTokens: number;
  signal?: AbortSignal;
  onProgress?: (text: string) => void;
}

/** Milliseconds. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

export interface Timing {
  /** From the question to its first token; without compression. */
  firstToken: Spread;
  perToken: Spread;
  /** From the text (compression included where there is any) to the last token. */
  total: Spread;
}

export interface GmsaRow extends Timing {
  rate: number;
  softTokens: number;
  compress: Spread;
  /** A second question on the same context, whose KV cache is kept. */
  second: { firstToken: Spread; total: Spread };
  /** How many times as long the original prompt takes. */
  ratio: { firstAnswer: number; firstToken: number; perToken: number; secondAnswer: number };
}

export interface LengthResult {
  tokens: number;
  /** The original prompt. Nothing of it is kept, so a second question costs the same again. */
  full: Timing;
  gmsa: GmsaRow[];
}

export interface BenchResult {
  date: string;
  userAgent: string;
  model: string;
  device: string;
  dtype: string;
  adapter?: Gmsa['adapter'];
  repetitions: number;
  newTokens: number;
  lengths: LengthResult[];
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** The longest beginning of `text`, cut after a word, that has at most `tokens` tokens. */
export async function cutToTokens(
  text: string,
  tokens: number,
  countTokens: (text: string) => Promise<number>,
): Promise<string> {
  const ends = [...text.matchAll(/\S+/g)].map((match) => match.index + match[0].length);
  let fits = 0; // words that fit
  let tooMany = ends.length + 1;
  while (tooMany - fits > 1) {
    const words = (fits + tooMany) >> 1;
    if ((await countTokens(text.slice(0, ends[words - 1]))) <= tokens) fits = words;
    else tooMany = words;
  }
  return text.slice(0, fits === 0 ? 0 : ends[fits - 1]);
}

/** One repetition's figures of one method, in milliseconds. */
interface Sample {
  compress: number;
  firstToken: number;
  perToken: number;
  answer: number;
  secondFirstToken: number;
  secondAnswer: number;
  softTokens: number;
}

async function sampleFull(gmsa: Gmsa, text: string, options: BenchOptions): Promise<Sample> {
  const stats = await gmsa.askFullText(text, benchText.questions[0]!, answerOptions(options)).stats;
  return {
    compress: 0,
    firstToken: stats.msToFirstToken,
    perToken: stats.msPerToken,
    answer: stats.ms,
    secondFirstToken: stats.msToFirstToken,
    secondAnswer: stats.ms,
    softTokens: 0,
  };
}

async function sampleGmsa(gmsa: Gmsa, text: string, rate: number, options: BenchOptions): Promise<Sample> {
  const signal = options.signal ? { signal: options.signal } : {};
  // Prefill belongs to the time of the first token, as with the original prompt.
  const context = await gmsa.compress(text, { rate, prefill: false, ...signal });
  // Soft tokens are what is measured.
  const soft = { ...answerOptions(options), quotes: false } as const;
  const first = await gmsa.ask(context, benchText.questions[0]!, soft).stats;
  const second = await gmsa.ask(context, benchText.questions[1]!, soft).stats;
  if (first.reusedContext || !second.reusedContext) {
    throw new Error(
      'The cache of the context was not used as the benchmark expects; its figures would be wrong.',
    );
  }
  return {
    compress: context.stats.ms,
    firstToken: first.msToFirstToken,
    perToken: first.msPerToken,
    answer: first.ms,
    secondFirstToken: second.msToFirstToken,
    secondAnswer: second.ms,
    softTokens: context.softTokens,
  };
}

function answerOptions({ newTokens, signal }: BenchOptions) {
  return { minNewTokens: newTokens, maxNewTokens: newTokens, ...(signal ? { signal } : {}) };
}

const over = (samples: readonly Sample[], pick: (sample: Sample) => number) => spread(samples.map(pick));

function timing(samples: readonly Sample[]): Timing {
  return {
    firstToken: over(samples, (sample) => sample.firstToken),
    perToken: over(samples, (sample) => sample.perToken),
    total: over(samples, (sample) => sample.compress + sample.answer),
  };
}

function gmsaRow(rate: number, samples: readonly Sample[], full: Timing): GmsaRow {
  const own = timing(samples);
  const second = {
    firstToken: over(samples, (sample) => sample.secondFirstToken),
    total: over(samples, (sample) => sample.secondAnswer),
  };
  return {
    rate,
    softTokens: samples[0]!.softTokens,
    compress: over(samples, (sample) => sample.compress),
    ...own,
    second,
    ratio: {
      firstAnswer: full.total.median / own.total.median,
      firstToken:
        full.firstToken.median / over(samples, (sample) => sample.compress + sample.firstToken).median,
      perToken: full.perToken.median / own.perToken.median,
      secondAnswer: full.total.median / second.total.median,
    },
  };
}

async function benchLength(gmsa: Gmsa, target: number, options: BenchOptions): Promise<LengthResult> {
  const text = await cutToTokens(benchText.text, target, (part) => gmsa.countTokens(part));
  const tokens = await gmsa.countTokens(text);
  if (text.length === benchText.text.length && tokens < target) {
    throw new Error(`The benchmark's text has ${tokens} tokens, fewer than the ${target} asked for.`);
  }
  const full: Sample[] = [];
  const byRate = new Map<number, Sample[]>(options.rates.map((rate) => [rate, []]));
  // The methods take turns, so that a change of the machine's speed meets all of them.
  for (let repetition = 0; repetition <= options.repetitions; repetition++) {
    const keep = repetition > 0; // the first one warms up
    options.onProgress?.(
      `${tokens} tokens: ${keep ? `repetition ${repetition} of ${options.repetitions}` : 'warm-up'}`,
    );
    const fullSample = await sampleFull(gmsa, text, options);
    if (keep) full.push(fullSample);
    for (const [rate, samples] of byRate) {
      const sample = await sampleGmsa(gmsa, text, rate, options);
      if (keep) samples.push(sample);
    }
  }
  const fullTiming = timing(full);
  return {
    tokens,
    full: fullTiming,
    gmsa: [...byRate].map(([rate, samples]) => gmsaRow(rate, samples, fullTiming)),
  };
}

/** @throws GmsaError of the calls it measures; the signal's reason */
export async function runBench(gmsa: Gmsa, options: BenchOptions): Promise<BenchResult> {
  const lengths: LengthResult[] = [];
  for (const target of options.tokens) lengths.push(await benchLength(gmsa, target, options));
  return {
    date: new Date().toISOString(),
    userAgent: navigator.userAgent,
    model: gmsa.model.name,
    device: gmsa.device,
    dtype: gmsa.dtype,
    adapter: gmsa.adapter,
    repetitions: options.repetitions,
    newTokens: options.newTokens,
    lengths,
  };
}
