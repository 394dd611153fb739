// Soft tokens are data: another runtime's session, tokenizer and streamer can take them, with nothing of ours but the
// compressor. What docs/guide/interoperability.md promises.
import { PreTrainedTokenizer, TextStreamer } from '@huggingface/transformers';
import * as ort from 'onnxruntime-web/webgpu';
import { afterAll, expect, test } from 'vitest';
import config from '../../../models/fixture/config.json';
import known from '../../../models/fixture/examples.json';
import json from '../../../models/fixture/tokenizer.json';
import tokenizerConfig from '../../../models/fixture/tokenizer_config.json';
import { Gmsa } from '../../gmsa.js';
import { FIXTURE_URL } from '../fixture.js';

ort.env.wasm.wasmPaths = undefined; // transformers.js names a CDN
const gmsa = await Gmsa.load(FIXTURE_URL, { device: 'wasm' });
afterAll(() => gmsa.dispose());

const tokenizer = new PreTrainedTokenizer(json, tokenizerConfig);

/** Vite takes the slash from the end of the folder's URL. */
const graph = (file: string) => `${FIXTURE_URL.href.replace(/\/$/, '')}/onnx/${file}`;
const session = (name: string, data: string[]) =>
  ort.InferenceSession.create(graph(`${name}.onnx`), {
    externalData: data.map((path) => ({ path, data: graph(path) })),
    executionProviders: ['wasm'],
  });
const shared = ['embed_tokens.onnx_data', 'rope.onnx_data'];
const embed = await session('embed_tokens', shared.slice(0, 1));
const decoder = await session('decoder_model_merged', ['decoder_model_merged.onnx_data', ...shared]);
afterAll(() => Promise.all([embed.release(), decoder.release()]));

const { num_key_value_heads: heads, head_dim: headDim, hidden_size: hiddenSize, gmsa: method } = config;

async function embeddings(ids: number[]): Promise<Float32Array> {
  const input_ids = new ort.Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
  return (await embed.run({ input_ids })).inputs_embeds!.data as Float32Array;
}

/** Greedy decoding from embeddings, as anybody would write it. */
async function* decode(prompt: Float32Array): AsyncGenerator<number> {
  const past = decoder.inputNames.filter((name) => name.startsWith('past_key_values'));
  let cache: Record<string, ort.Tensor> = Object.fromEntries(
    past.map((name) => [name, new ort.Tensor('float32', [], [1, heads, 0, headDim])]),
  );
  let length = 0;
  for (let values = prompt; ; ) {
    const positions = values.length / hiddenSize;
    length += positions;
    const outputs = await decoder.run({
      inputs_embeds: new ort.Tensor('float32', values, [1, positions, hiddenSize]),
      attention_mask: new ort.Tensor('int64', new BigInt64Array(length).fill(1n), [1, length]),
      logits_from: new ort.Tensor('int64', [-1n], [1]),
      ...cache,
    });
    cache = Object.fromEntries(
      past.map((name) => [name, outputs[name.replace('past_key_values', 'present')]!]),
    );
    const logits = outputs.logits!.data as Float32Array;
    const id = logits.indexOf(Math.max(...logits));
    if (method.end_ids.includes(id)) return;
    yield id;
    values = await embeddings([id]);
  }
}

test("soft tokens answer through one's own decoder session, transformers.js tokenizer and streamer", async () => {
  const { text, question, answer } = known.examples[0]!;
  const context = await gmsa.compress(text);
  const prompt = tokenizer.encode(method.question_template.replace('{question}', question), {
    add_special_tokens: false,
  });
  const parts = [
    await embeddings(method.prefix_ids),
    ...context.segments.map(({ data }) => data as Float32Array),
    await embeddings(prompt),
  ];
  let streamed = '';
  const streamer = new TextStreamer(tokenizer, {
    callback_function: (piece: string) => {
      streamed += piece;
    },
  });
  streamer.next_tokens_are_prompt = false;
  const all = Float32Array.from(parts.flatMap((part) => [...part]));
  for await (const id of decode(all)) streamer.put([[BigInt(id)]]);
  streamer.end();
  expect(streamed.trim()).toBe(answer);
});

test("the ids of an answer are those of one's own tokenizer", async () => {
  const { text, question, answer } = known.examples[0]!;
  const stream = gmsa.ask(await gmsa.compress(text), question);
  expect(tokenizer.decode(await stream.tokenIds, { skip_special_tokens: true }).trim()).toBe(answer);
});
