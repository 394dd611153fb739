import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { QUICK, send, status, ToyModelServer } from '../testing/toy-model-server.js';
import { MemoryModelCache } from './model-cache.js';
import { downloadModelFiles } from './model-files.js';
import { folderUrl, openModelFolder } from './model-folder.js';

const server = new ToyModelServer();
let cache: MemoryModelCache;
const open = (url = server.base, options: Parameters<typeof openModelFolder>[1] = {}) =>
  openModelFolder(url, { cache, retry: QUICK, ...options });

beforeAll(() => server.start());
afterAll(() => server.stop());
afterEach(() => vi.unstubAllGlobals());
beforeEach(() => {
  server.reset();
  cache = new MemoryModelCache();
});

test.each(['', '/', '?a=1#b'])('reads manifest and config of a URL that ends in "%s"', async (end) => {
  const { manifest, config, url } = await open(server.base + end);
  expect(url.href).toBe(`${server.base}/`);
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

test("a manifest in the browser's HTTP cache is not taken for current", async () => {
  const fetched = vi.fn(fetch);
  vi.stubGlobal('fetch', fetched);
  await open();
  const [url, init] = fetched.mock.calls[0]!;
  expect([String(url), init?.cache]).toEqual([`${server.base}/manifest.json`, 'no-cache']);
});

test('a folder that is not there is MODEL_NOT_FOUND, naming the URL', async () => {
  await expect(open(`${server.base}/nowhere`)).rejects.toMatchObject({
    code: 'MODEL_NOT_FOUND',
    message: expect.stringContaining('/model/nowhere/'),
  });
});

test('an HTML page in its place is BAD_MODEL', async () => {
  server.fail('manifest.json', send('<!doctype html><title>app</title>'));
  await expect(open()).rejects.toMatchObject({
    code: 'BAD_MODEL',
    message: expect.stringContaining('HTML page'),
  });
});

test('no server is NETWORK, something that is no URL BAD_MODEL', async () => {
  await expect(open('http://127.0.0.1:1/model')).rejects.toMatchObject({ code: 'NETWORK' });
  await expect(open('not a url')).rejects.toMatchObject({ code: 'BAD_MODEL' });
});

test.each([undefined, null, 5, {}])('a URL that is %o is BAD_INPUT', async (url) => {
  await expect(openModelFolder(url as unknown as string)).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

test('a relative URL is relative to the page, or to the script of a worker', () => {
  const location = { href: 'https://example.org/app/worker.js' };
  vi.stubGlobal('location', location);
  expect(folderUrl('models/a').href).toBe('https://example.org/app/models/a/');
  vi.stubGlobal('document', { baseURI: 'https://example.org/' });
  expect(folderUrl('models/a').href).toBe('https://example.org/models/a/');
  vi.unstubAllGlobals();
});

test('a config.json that the manifest does not describe is CORRUPT_FILE', async () => {
  const other = send('{"hidden_size":1}');
  server.fail('config.json', other, other);
  await expect(open()).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('config.json'),
  });
});

test('an abort rejects with its reason, also while waiting for a retry', async () => {
  const reason = new Error('enough');
  await expect(open(undefined, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  server.fail('manifest.json', (response) => {
    response
      .writeHead(503, { 'Retry-After': '50' })
      .end(() => setTimeout(() => controller.abort(reason), 20));
  });
  await expect(open(undefined, { signal: controller.signal })).rejects.toBe(reason);
});

type Edit = Parameters<ToyModelServer['edit']>[1];
test.each<[string, string, Edit, RegExp]>([
  ['config.json', 'no gmsa block', (c) => delete c.gmsa, /no "gmsa" block/],
  ['config.json', 'another format', (c) => (c.gmsa.format = 2), /format 2/],
  ['config.json', 'no rates', (c) => (c.gmsa.rates = []), /gmsa\.rates/],
  ['config.json', 'a default rate that was not trained', (c) => (c.gmsa.default_rate = 3), /default_rate/],
  ['config.json', 'a template without a question', (c) => (c.gmsa.question_template = 'Q'), /question/],
  ['config.json', 'no hidden size', (c) => delete c.hidden_size, /hidden_size/],
  ['config.json', 'a window that is no number', (c) => (c.gmsa.window = '8k'), /window/],
  ['config.json', 'a refusal that is no text', (c) => (c.gmsa.refusal = true), /gmsa\.refusal/],
  ['manifest.json', 'no files', (m) => delete m.files, /no "files"/],
  ['manifest.json', 'another format', (m) => (m.format = 9), /format 9/],
  ['manifest.json', 'no dtype that we know', (m) => (m.dtypes = { q8: {} }), /offers none of/],
  ['manifest.json', 'a graph too few', (m) => delete m.dtypes.fp32.lsa, /no graph lsa for fp32/],
  ['manifest.json', 'a file without a size', (m) => delete m.files[0].bytes, /without a path or a size/],
  ['manifest.json', 'a file without a hash', (m) => delete m.files[0].sha256, /no SHA-256 for/],
  ['manifest.json', 'a path out of the folder', (m) => (m.files[0].path = '../x'), /outside its folder/],
  ['manifest.json', 'no config.json', (m) => m.files.shift(), /does not list config\.json/],
  [
    'manifest.json',
    'a file not listed',
    (m) => (m.dtypes.fp32.lsa.graph = 'x.onnx'),
    /does not list x\.onnx/,
  ],
])('%s with %s is BAD_MODEL', async (path, _, edit, message) => {
  server.edit(path, edit);
  await expect(open()).rejects.toMatchObject({
    code: 'BAD_MODEL',
    message: expect.stringMatching(message),
  });
});

describe('with the folder in the cache', () => {
  beforeEach(async () => {
    await downloadModelFiles(await open(), 'fp32', { retry: QUICK });
  });

  test('the manifest still comes from the network, the config only if it changed', async () => {
    server.requests = [];
    expect((await open()).offline).toBe(false);
    expect(server.requests.map(({ path }) => path)).toEqual(['manifest.json']);
    server.edit('config.json', (config) => (config.gmsa.window = 2048));
    expect((await open()).config.window).toBe(2048);
  });

  test.each([
    ['fails', status(503)],
    ['breaks the connection', (response) => void response.destroy()],
  ] as [string, Parameters<ToyModelServer['fail']>[1]][])(
    'a server that %s is passed over at once: the folder is as the cache has it',
    async (_, fault) => {
      server.fail('manifest.json', fault);
      server.requests = [];
      expect(await open()).toMatchObject({
        offline: true,
        manifest: { name: 'toy' },
        config: { window: 1024 },
      });
      expect(server.requests).toHaveLength(1);
    },
  );

  test('a folder that was taken away is MODEL_NOT_FOUND all the same', async () => {
    server.files.clear();
    await expect(open()).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });
});
