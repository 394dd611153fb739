// The library as plain calls with JSON in and out, for scripts that drive a browser. Contexts stay in the page and go
// by number; errors come back as values, since a thrown one would lose its code and fix on the way.
import { type AnswerStream, type CompressedContext, Gmsa, GmsaError, type TextStream } from '../src/index.js';
import { lineAround } from './line-around.js';

type LoadOptions = NonNullable<Parameters<typeof Gmsa.load>[1]>;
type AskOptions = NonNullable<Parameters<Gmsa['ask']>[2]>;
type Failure = { code: string; message: string; fix: string; stack?: string };
type Result<T> = { ok: true; value: T } | { ok: false; error: Failure };

const MAIN = 'main';

/** Models by slot: most scripts use one, a comparison of graphs two side by side. */
const models = new Map<string, Gmsa>();
let nextContext = 1;
const contexts = new Map<number, CompressedContext>();

function loaded(slot = MAIN): Gmsa {
  const gmsa = models.get(slot);
  if (!gmsa) throw new Error(`nothing is loaded as ${slot}`);
  return gmsa;
}

function contextOf(id: number): CompressedContext {
  const context = contexts.get(id);
  if (!context) throw new Error(`no context ${id}`);
  return context;
}

async function collected(stream: TextStream) {
  const [text, tokenIds, stats] = await Promise.all([stream.text(), stream.tokenIds, stream.stats]);
  return { text, tokenIds, stats };
}

/** An answer, what it rests on, and the line of the text that it stands in. */
async function collectedAnswer(stream: AnswerStream, context: CompressedContext) {
  const [answer, quotes, support] = await Promise.all([collected(stream), stream.quotes, stream.support]);
  const place = support?.source ?? support?.parts.find(({ source }) => source)?.source;
  const line = place && context.text ? lineAround(context.text, place) : undefined;
  return { ...answer, quotes, support, ...(line ? { line } : {}) };
}

/** A call whose outcome survives being sent out of the page. */
function settled<Arguments extends unknown[], T>(call: (...values: Arguments) => Promise<T>) {
  return async (...values: Arguments): Promise<Result<T>> => {
    try {
      return { ok: true, value: await call(...values) };
    } catch (error) {
      if (error instanceof GmsaError) {
        const { code, message, fix, stack } = error;
        return { ok: false, error: { code, message, fix, ...(stack ? { stack } : {}) } };
      }
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      return { ok: false, error: { code: 'INTERNAL', message, fix: '', ...(stack ? { stack } : {}) } };
    }
  };
}

const harness = {
  load: settled(async (url: string, options: Pick<LoadOptions, 'device' | 'dtype'>, slot: string = MAIN) => {
    await models.get(slot)?.dispose();
    models.delete(slot);
    const started = performance.now();
    // The browser's profile is thrown away: nothing to keep the model for.
    const gmsa = await Gmsa.load(new URL(url, document.baseURI), { ...options, cache: false });
    models.set(slot, gmsa);
    const { device, dtype, model, adapter } = gmsa;
    return { device, dtype, model, adapter, ms: performance.now() - started };
  }),
  compress: settled(async (text: string, options: { rate?: number }) => {
    const context = await loaded().compress(text, options);
    const id = nextContext++;
    contexts.set(id, context);
    const { rate, tokens, softTokens, segments, stats } = context;
    return { id, rate, tokens, softTokens, segments: segments.length, ms: stats.ms };
  }),
  ask: settled((id: number, question: string, options: AskOptions) =>
    collectedAnswer(loaded().ask(contextOf(id), question, options), contextOf(id)),
  ),
  askFullText: settled((text: string, question: string, options: AskOptions, slot: string = MAIN) =>
    collected(loaded(slot).askFullText(text, question, options)),
  ),
  restore: settled((id: number) => collected(loaded().restore(contextOf(id)))),
  release: settled(async (id: number) => contexts.delete(id)),
  dispose: settled(async () => {
    contexts.clear();
    const all = [...models.values()];
    models.clear();
    await Promise.all(all.map((gmsa) => gmsa.dispose()));
  }),
};

declare global {
  interface Window {
    gmsaHarness: typeof harness;
  }
}
window.gmsaHarness = harness;
