import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DATA, QUICK, status, ToyModelServer } from '../testing/toy-model-server.js';
import { KeptFiles } from './kept-files.js';
import { openModelFolder } from './model-folder.js';
import type { DownloadProgress } from './progress.js';

const server = new ToyModelServer();
let files: KeptFiles;
let progress: DownloadProgress[];
const { signal } = new AbortController();

beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(async () => {
  server.reset();
  progress = [];
  const folder = await openModelFolder(server.base, { cache: false, retry: QUICK });
  files = new KeptFiles(folder, 'fp32', (event) => progress.push(event));
  server.requests.length = 0;
});

const requested = () => server.requests.map(({ path }) => path).toSorted();
const DECODER = ['onnx/decoder_model_merged.onnx', 'onnx/embed_tokens.onnx'];

test('what graphs share is downloaded once, and what is there not again', async () => {
  const first = await files.get(['embed_tokens', 'decoder_model_merged'], signal);
  expect(Object.keys(first.graphs)).toEqual(['embed_tokens', 'decoder_model_merged']);
  expect(requested()).toEqual([...DECODER, DATA, 'tokenizer.json', 'tokenizer_config.json']);
  server.requests.length = 0;
  progress.length = 0;
  const second = await files.get(['embed_tokens', 'lsa'], signal);
  expect(requested()).toEqual(['onnx/lsa.onnx']);
  expect(progress.at(-1)).toMatchObject({ status: 'done', file: 'onnx/lsa.onnx' });
  expect(second.graphs.embed_tokens.graph).toBe(first.graphs.embed_tokens.graph);
  expect(await second.graphs.lsa.graph.text()).toBe('graph of lsa');
  server.requests.length = 0;
  await files.get(['lsa', 'decoder_model_merged'], signal);
  expect(requested()).toEqual([]);
});

test('of two that want the same at once, one downloads it', async () => {
  await Promise.all([files.get(['lsa'], signal), files.get(['lsa', 'encoder_model'], signal)]);
  expect(requested().filter((path) => path === 'onnx/lsa.onnx')).toHaveLength(1);
});

test('after a failure or an abort the next one gets what is missing', async () => {
  server.fail('onnx/lsa.onnx', status(404));
  await expect(files.get(['lsa'], signal)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  await expect(files.get(['lsa'], AbortSignal.abort('enough'))).rejects.toBe('enough');
  const { graphs } = await files.get(['lsa'], signal);
  expect(await graphs.lsa.graph.text()).toBe('graph of lsa');
});
