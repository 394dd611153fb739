// What the published types allow and forbid. Compiled, never run.
import {
  type AnswerStream,
  type AnswerSupport,
  type CompressedContext,
  type Compression,
  Gmsa,
  GmsaError,
  type GmsaErrorCode,
  type LoadProgress,
  type Quote,
  type TextStream,
  type WorkerName,
} from 'gmsa-web';
import { type LanguageModelOptions, languageModel } from 'gmsa-web/ai-sdk';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>): void => {};

const gmsa = await Gmsa.load('/models/a/', {
  device: 'webgpu',
  dtype: 'q4f16',
  signal: new AbortController().signal,
});
same<typeof gmsa, Gmsa>(true);
await Gmsa.load(new URL('https://example.org/models/a/'));
// @ts-expect-error a model folder is needed
await Gmsa.load();
// @ts-expect-error there is no such device
await Gmsa.load('/models/a/', { device: 'cuda' });
// @ts-expect-error there is no such dtype
await Gmsa.load('/models/a/', { dtype: 'int3' });
await Gmsa.load('/models/a/', { wasmPaths: '/wasm/' });
await Gmsa.load('/models/a/', { wasmPaths: { wasm: '/wasm/ort.wasm' } });
await Gmsa.load('/models/a/', { worker: () => new Worker('/gmsa.worker.js', { type: 'module' }) });
await Gmsa.load('/models/a/', { worker: (name) => new Worker(`/${name satisfies WorkerName}.js`) });
// @ts-expect-error a function that makes the worker, since there are two, each made again after a crash
await Gmsa.load('/models/a/', { worker: new Worker('/gmsa.worker.js') });
// @ts-expect-error the constructor is private
new Gmsa({});

same<typeof gmsa.model.refusal, string | undefined>(true);

const onProgress = (progress: LoadProgress): string => {
  // @ts-expect-error only the total has bytes
  progress.loaded;
  return progress.status === 'progress_total' ? `${progress.loaded} of ${progress.total}` : progress.status;
};
await Gmsa.load('/models/a/', { onProgress });

const compression = gmsa.compress('text', { rate: 4 });
same<typeof compression, Compression>(true);
const context = await compression;
same<typeof context, CompressedContext>(true);
// @ts-expect-error the rate is a number
gmsa.compress('text', { rate: '4x' });
// @ts-expect-error a context does not change
context.rate = 8;
// @ts-expect-error nor do its segments
context.segments.push(context.segments[0]!);
for await (const segment of compression) same<typeof segment.softTokens, number>(true);

const answer = gmsa.ask(context, 'Who?', { maxNewTokens: 10 });
same<typeof answer, AnswerStream>(true);
const text: TextStream = answer;
text satisfies AsyncIterable<string>;
same<Awaited<typeof answer.quotes>, Quote[]>(true);
same<Awaited<typeof answer.support>, AnswerSupport | undefined>(true);
gmsa.ask(context, 'Who?', { quotes: 'auto' });
gmsa.ask(context, 'Who?', { quotes: false });
gmsa.ask(context, 'Who?', { quotes: 96 });
// @ts-expect-error there is no such choice
gmsa.ask(context, 'Who?', { quotes: 'all' });
// @ts-expect-error a full text is not quoted from
gmsa.askFullText('text', 'Who?', { quotes: 96 });
same<typeof context.text, string | undefined>(true);
same<Awaited<ReturnType<typeof answer.text>>, string>(true);
for await (const piece of answer) same<typeof piece, string>(true);
same<Awaited<typeof answer.tokenIds>, number[]>(true);
same<Awaited<typeof answer.stats>['stoppedBy'], 'end' | 'length' | 'criteria'>(true);
gmsa.ask(compression, 'Who?');
gmsa.restore(compression);
// @ts-expect-error a text has to be compressed first
gmsa.ask('text', 'Who?');
// @ts-expect-error a question is needed
gmsa.ask(context);

try {
  await gmsa.dispose();
} catch (error) {
  if (error instanceof GmsaError) {
    same<typeof error.code, GmsaErrorCode>(true);
    same<typeof error.fix, string>(true);
    // @ts-expect-error there is no such code
    error.code === 'OOPS';
  }
}

const model = languageModel(gmsa, { context, rate: 4 });
same<typeof model.specificationVersion, 'v3'>(true);
const options: LanguageModelOptions = { context: 'a text' };
languageModel(gmsa, options);
