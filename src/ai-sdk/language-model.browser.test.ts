// With the real AI SDK, in both versions that speak version 3 of the language-model interface.
import * as sdk7 from 'ai';
import * as sdk6 from 'ai-sdk-6';
import { afterAll, describe, expect, test } from 'vitest';
import known from '../../models/fixture/examples.json';
import { Gmsa } from '../gmsa.js';
import { FIXTURE_URL, longText } from '../testing/fixture.js';
import { languageModel } from './index.js';

const gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
afterAll(() => gmsa.dispose());
const [{ text, question, answer }, other] = known.examples as [
  (typeof known.examples)[0],
  (typeof known.examples)[0],
];
const context = await gmsa.compress(text);
const file = (data: string, mediaType = 'text/plain') => ({
  type: 'file' as const,
  data: btoa(data),
  mediaType,
});
const quiet = { maxRetries: 0 };

// biome-ignore lint/suspicious/noExplicitAny: the two versions differ in types that these tests do not touch
describe.each([['6', sdk6 as any as typeof sdk7] as const, ['7', sdk7] as const])('AI SDK %s', (_, sdk) => {
  const { generateText, streamText } = sdk;
  globalThis.AI_SDK_LOG_WARNINGS = false;

  test('generateText answers about a context, with its usage and why it ended', async () => {
    const model = languageModel(gmsa, { context });
    const first = await generateText({ model, prompt: question, ...quiet });
    expect(first.text).toBe(answer);
    expect(first.finishReason).toBe('stop');
    expect(first.usage.outputTokens).toBeGreaterThan(0);
    expect(first.usage.outputTokenDetails.textTokens).toBe(first.usage.outputTokens);
    const again = await generateText({ model, prompt: question, ...quiet });
    expect(again.text).toBe(answer);
    expect(again.usage.inputTokens).toBe(first.usage.inputTokens);
    expect(again.usage.inputTokenDetails.cacheReadTokens).toBeGreaterThanOrEqual(context.softTokens);
  });

  test('streamText streams the answer', async () => {
    const result = streamText({ model: languageModel(gmsa, { context }), prompt: question, ...quiet });
    let streamed = '';
    for await (const piece of result.textStream) streamed += piece;
    expect(streamed).toBe(answer);
    expect(await result.finishReason).toBe('stop');
    expect((await result.usage).outputTokens).toBeGreaterThan(0);
  });

  test('an answer cut off is of finish reason length', async () => {
    const model = languageModel(gmsa, { context });
    const cut = await generateText({ model, prompt: question, maxOutputTokens: 1, ...quiet });
    expect(cut.finishReason).toBe('length');
    expect(cut.usage.outputTokens).toBe(1);
  });

  test('a text file of the messages is compressed and asked about', async () => {
    const content = [file(other.text), { type: 'text' as const, text: other.question }];
    const messages = [{ role: 'user' as const, content }];
    const result = await generateText({ model: languageModel(gmsa), messages, ...quiet });
    expect(result.text).toBe(other.answer);
  });

  test('what the model cannot do is a warning', async () => {
    const result = await generateText({
      model: languageModel(gmsa, { context: text }),
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Hello' },
        { role: 'user', content: question },
      ],
      stopSequences: ['.'],
      presencePenalty: 1,
      ...quiet,
    });
    expect(result.text).toBe(answer);
    const features = result.warnings?.map((warning) =>
      warning.type === 'unsupported' ? warning.feature : '',
    );
    expect(features).toEqual(['earlier messages', 'presencePenalty', 'stopSequences']);
  });

  test('a temperature draws the answer, the same one for the same seed', async () => {
    const model = languageModel(gmsa, { context: await gmsa.compress(text) });
    const drawn = async (seed: number) =>
      generateText({
        model,
        prompt: question,
        temperature: 5,
        topK: 1000,
        seed,
        maxOutputTokens: 8,
        ...quiet,
      });
    const [first, again, other] = [await drawn(1), await drawn(1), await drawn(2)];
    expect(again.text).toBe(first.text);
    expect(other.text).not.toBe(first.text);
    expect(first.warnings ?? []).toEqual([]);
  });

  test('an abort ends compressing and answering', async () => {
    const controller = new AbortController();
    const pending = generateText({
      model: languageModel(gmsa, { context: longText(300) }),
      prompt: question,
      abortSignal: controller.signal,
      ...quiet,
    });
    setTimeout(() => controller.abort(), 50);
    await expect(pending).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    expect(
      (await generateText({ model: languageModel(gmsa, { context }), prompt: question, ...quiet })).text,
    ).toBe(answer);
  });

  test('an abort in the middle of an answer ends the stream', async () => {
    const controller = new AbortController();
    const result = streamText({
      model: languageModel(gmsa, { context: await gmsa.compress(longText(8)) }),
      prompt: question,
      temperature: 3,
      seed: 1,
      maxOutputTokens: 400,
      abortSignal: controller.signal,
      onChunk: () => controller.abort(),
      ...quiet,
    });
    const parts: string[] = [];
    for await (const { type } of result.fullStream) parts.push(type);
    expect(parts).toContain('abort');
    expect(parts).not.toContain('finish');
    expect(await gmsa.ask(context, question).text()).toBe(answer); // its turn comes
  });

  test('errors keep their code', async () => {
    await expect(generateText({ model: languageModel(gmsa), prompt: question, ...quiet })).rejects.toThrow(
      expect.objectContaining({ code: 'BAD_INPUT' }),
    );
    const seen: unknown[] = [];
    const tooLong = streamText({
      model: languageModel(gmsa, { context }),
      prompt: question,
      maxOutputTokens: 100_000,
      onError: ({ error }) => {
        seen.push(error);
      },
      ...quiet,
    });
    await tooLong.consumeStream({ onError: () => {} });
    expect(seen).toEqual([expect.objectContaining({ code: 'TOO_LONG' })]);
  });

  test('a file that is no text is BAD_INPUT', async () => {
    const content = [file('%PDF', 'application/pdf'), { type: 'text' as const, text: question }];
    const pending = generateText({
      model: languageModel(gmsa),
      messages: [{ role: 'user', content }],
      ...quiet,
    });
    await expect(pending).rejects.toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });
});

describe('what a call rejects with', () => {
  const call = (content: Parameters<typeof prompts>[0], options?: Parameters<typeof languageModel>[1]) =>
    languageModel(gmsa, options).doGenerate({ prompt: prompts(content) });
  const prompts = (content: ({ type: 'text'; text: string } | ReturnType<typeof file>)[]) => [
    { role: 'user' as const, content },
  ];
  const asked = { type: 'text' as const, text: question };

  test('a file whose data are not base64 is BAD_INPUT', async () => {
    const plain = { ...file(''), data: 'plain text!' };
    await expect(call([plain, asked])).rejects.toMatchObject({
      code: 'BAD_INPUT',
      fix: expect.stringContaining('base64'),
    });
  });

  test.each([0, Number.NaN, 3])('rate %f is BAD_RATE', async (rate) => {
    await expect(call([asked], { context: text, rate })).rejects.toMatchObject({ code: 'BAD_RATE' });
  });

  test('a question of nothing is BAD_INPUT, and so is no question', async () => {
    await expect(call([{ ...asked, text: ' ' }], { context })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(languageModel(gmsa, { context }).doGenerate({ prompt: [] })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });

  test('a disposed model is DISPOSED, in a stream as its error part', async () => {
    const gone = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
    await gone.dispose();
    const model = languageModel(gone, { context });
    const prompt = prompts([asked]);
    await expect(model.doGenerate({ prompt })).rejects.toMatchObject({ code: 'DISPOSED' });
    const { stream } = await model.doStream({ prompt });
    const parts: unknown[] = [];
    await stream.pipeTo(new WritableStream({ write: (part) => void parts.push(part) }));
    expect(parts).toContainEqual({ type: 'error', error: expect.objectContaining({ code: 'DISPOSED' }) });
  });
});

test('cancelling the stream of parts ends the generation', async () => {
  const model = languageModel(gmsa, { context: await gmsa.compress(longText(100)) });
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: question }] }];
  const { stream } = await model.doStream({ prompt });
  await stream.cancel();
  expect(await gmsa.ask(context, question).text()).toBe(answer); // its turn comes
});
