import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../sha256.js';
import {
  downloadBytes,
  downloadModelFiles,
  filesOf,
  openModelFolder,
  type TotalProgress,
} from './model-folder.js';

const GRAPHS = ['embed_tokens', 'encoder_model', 'lsa', 'decoder_model_merged'];
const config = {
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  gmsa: {
    format: 1,
    base_model: 'base',
    rates: [4, 2],
    default_rate: 2,
    segment_length: 64,
    window: 1024,
    prefix_ids: [1],
    question_template: 'Q {question} A',
    restore_instruction: 'R',
    end_ids: [2],
    licence: 'Apache-2.0',
  },
};

/** What the server has: path → content; a test changes it at will. */
let files: Map<string, string>;
let requests: string[];
let server: Server;
let base: string;

const json = (path: string) => JSON.parse(files.get(path)!);
function change(path: string, edit: (value: ReturnType<typeof json>) => void) {
  const value = json(path);
  edit(value);
  files.set(path, JSON.stringify(value));
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url!.slice('/model/'.length);
    requests.push(path);
    if (path === 'onnx/stalls.onnx') return void response.writeHead(200).write('a');
    if (path === 'onnx/broken.onnx') return void response.writeHead(503).end();
    const content = files.get(path);
    response.writeHead(content === undefined ? 404 : 200).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  requests = [];
  files = new Map<string, string>([
    ['tokenizer.json', '{"model":{}}'],
    ['tokenizer_config.json', '{"a":1}'],
    ['onnx/shared.onnx_data', 'shared weights'],
    ...GRAPHS.map((name) => [`onnx/${name}.onnx`, `graph of ${name}`] as const),
  ]);
  const manifest = {
    format: 1,
    name: 'toy',
    files: [...files].map(([path, content]) => ({ path, bytes: content.length, sha256: sha256Hex(content) })),
    dtypes: {
      fp32: Object.fromEntries(
        GRAPHS.map((name) => [name, { graph: `onnx/${name}.onnx`, data: ['onnx/shared.onnx_data'] }]),
      ),
    },
  };
  files.set('config.json', JSON.stringify(config));
  files.set('manifest.json', JSON.stringify(manifest));
});

describe('openModelFolder', () => {
  test.each(['', '/'])('reads manifest and config of a URL that ends in "%s"', async (end) => {
    const { manifest, config, url } = await openModelFolder(base + end);
    expect(url.href).toBe(`${base}/`);
    expect(manifest.name).toBe('toy');
    expect(Object.keys(manifest.dtypes)).toEqual(['fp32']);
    expect(config).toMatchObject({
      hiddenSize: 64,
      layers: 2,
      keyValueHeads: 1,
      headDim: 32,
      rates: [2, 4],
      defaultRate: 2,
      window: 1024,
    });
  });

  test('a folder that is not there is MODEL_NOT_FOUND, naming the URL', async () => {
    await expect(openModelFolder(`${base}/nowhere`)).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('/model/nowhere/'),
    });
  });

  test('an HTML page in its place is BAD_MODEL', async () => {
    files.set('manifest.json', '<!doctype html><title>app</title>');
    await expect(openModelFolder(base)).rejects.toMatchObject({
      code: 'BAD_MODEL',
      message: expect.stringContaining('HTML page'),
    });
  });

  test('no server is NETWORK, something that is no URL BAD_MODEL', async () => {
    await expect(openModelFolder('http://127.0.0.1:1/model')).rejects.toMatchObject({ code: 'NETWORK' });
    await expect(openModelFolder('not a url')).rejects.toMatchObject({ code: 'BAD_MODEL' });
  });

  test.each<[string, string, (value: ReturnType<typeof json>) => void, RegExp]>([
    ['config.json', 'no gmsa block', (c) => delete c.gmsa, /no "gmsa" block/],
    ['config.json', 'another format', (c) => (c.gmsa.format = 2), /format 2/],
    ['config.json', 'no rates', (c) => (c.gmsa.rates = []), /gmsa\.rates/],
    ['config.json', 'a default rate that was not trained', (c) => (c.gmsa.default_rate = 3), /default_rate/],
    ['config.json', 'a template without a question', (c) => (c.gmsa.question_template = 'Q'), /question/],
    ['config.json', 'no hidden size', (c) => delete c.hidden_size, /hidden_size/],
    ['config.json', 'a window that is no number', (c) => (c.gmsa.window = '8k'), /window/],
    ['manifest.json', 'no files', (m) => delete m.files, /no "files"/],
    ['manifest.json', 'another format', (m) => (m.format = 9), /format 9/],
    ['manifest.json', 'no dtype that we know', (m) => (m.dtypes = { q8: {} }), /offers none of/],
    ['manifest.json', 'a graph too few', (m) => delete m.dtypes.fp32.lsa, /no graph lsa for fp32/],
    ['manifest.json', 'a file without a size', (m) => delete m.files[0].bytes, /without path or bytes/],
    ['manifest.json', 'a file without a hash', (m) => delete m.files[0].sha256, /no SHA-256 of/],
    ['manifest.json', 'a path out of the folder', (m) => (m.files[0].path = '../x'), /outside its folder/],
    [
      'manifest.json',
      'a file not listed',
      (m) => (m.dtypes.fp32.lsa.graph = 'x.onnx'),
      /does not list x\.onnx/,
    ],
  ])('%s with %s is BAD_MODEL', async (path, _, edit, message) => {
    change(path, edit);
    await expect(openModelFolder(base)).rejects.toMatchObject({
      code: 'BAD_MODEL',
      message: expect.stringMatching(message),
    });
  });
});

describe('downloadModelFiles', () => {
  test('fetches each file once and reports one total', async () => {
    const folder = await openModelFolder(base);
    requests = [];
    const progress: TotalProgress[] = [];
    const { graphs, tokenizer } = await downloadModelFiles(folder, 'fp32', {
      onProgress: (p) => progress.push(p),
    });
    expect(requests.sort()).toEqual(filesOf(folder.manifest, 'fp32').sort());
    expect(await graphs.lsa.graph.text()).toBe('graph of lsa');
    expect(graphs.lsa.data[0]!.path).toBe('shared.onnx_data');
    expect(graphs.lsa.data[0]!.blob).toBe(graphs.embed_tokens.data[0]!.blob);
    expect(tokenizer).toEqual({ tokenizer: { model: {} }, config: { a: 1 } });
    const total = downloadBytes(folder.manifest, 'fp32');
    expect(progress.at(-1)).toMatchObject({ status: 'progress_total', loaded: total, total, progress: 100 });
    expect(progress.every((p, i) => i === 0 || p.loaded >= progress[i - 1]!.loaded)).toBe(true);
  });

  test('a file of another size than the manifest says is BAD_MODEL', async () => {
    const folder = await openModelFolder(base);
    files.set('onnx/lsa.onnx', 'version https://git-lfs');
    await expect(downloadModelFiles(folder, 'fp32')).rejects.toMatchObject({
      code: 'BAD_MODEL',
      message: expect.stringMatching(/lsa\.onnx.*23 bytes, the manifest says 12/),
    });
  });

  test.each([
    ['missing', 'onnx/missing.onnx', 'MODEL_NOT_FOUND'],
    ['refused by the server', 'onnx/broken.onnx', 'NETWORK'],
  ])('a file that is %s fails the download', async (_, path, code) => {
    change('manifest.json', (m) => {
      m.files.push({ path, bytes: 10, sha256: sha256Hex(path) });
      m.dtypes.fp32.lsa.graph = path;
    });
    await expect(downloadModelFiles(await openModelFolder(base), 'fp32')).rejects.toMatchObject({ code });
  });

  test('tokenizer.json that is not JSON is BAD_MODEL', async () => {
    files.set('tokenizer.json', '{"model":}}}');
    await expect(downloadModelFiles(await openModelFolder(base), 'fp32')).rejects.toMatchObject({
      code: 'BAD_MODEL',
      message: expect.stringContaining('tokenizer.json'),
    });
  });

  test('an abort during the download rejects with its reason', async () => {
    change('manifest.json', (m) => {
      m.files.push({ path: 'onnx/stalls.onnx', bytes: 10, sha256: sha256Hex('stalls') });
      m.dtypes.fp32.lsa.graph = 'onnx/stalls.onnx';
    });
    const folder = await openModelFolder(base);
    const controller = new AbortController();
    const reason = new Error('enough');
    const download = downloadModelFiles(folder, 'fp32', {
      signal: controller.signal,
      onProgress: ({ file }) => {
        if (file === 'onnx/stalls.onnx') controller.abort(reason);
      },
    });
    await expect(download).rejects.toBe(reason);
  });
});
