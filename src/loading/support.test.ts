import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { MemoryModelCache } from '../model-folder/model-cache.js';
import { DATA, GRAPH_NAMES, ToyModelServer } from '../testing/toy-model-server.js';
import { support } from './support.js';

const server = new ToyModelServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

interface Machine {
  features?: string[];
  info?: Partial<GPUAdapterInfo>;
  maxBufferSize?: number;
  deviceMemory?: number;
  quota?: number;
}

/** Pretends to be a browser on a machine with a real GPU. */
function machine({
  features = ['shader-f16'],
  info,
  maxBufferSize = 2 ** 31,
  deviceMemory = 8,
  quota = 1e10,
}: Machine = {}) {
  const adapter = {
    features: new Set(features),
    info: { vendor: 'nvidia', architecture: 'hopper', device: '', description: '', ...info },
    limits: { maxBufferSize, maxStorageBufferBindingSize: maxBufferSize },
  };
  vi.stubGlobal('navigator', {
    gpu: { requestAdapter: async () => adapter },
    deviceMemory,
    storage: { estimate: async () => ({ quota, usage: 0 }), persisted: async () => true },
  });
}

/** Makes the model as large as the manifest says, without a byte of it. */
function pretend(bytes: number, dtypes: string[] = ['q4f16', 'q4', 'fp32']): void {
  server.edit('manifest.json', (manifest) => {
    manifest.files.find(({ path }: { path: string }) => path === DATA).bytes = bytes;
    manifest.dtypes = Object.fromEntries(dtypes.map((dtype) => [dtype, manifest.dtypes.fp32]));
  });
}

beforeEach(() => {
  server.reset();
  vi.stubGlobal('Worker', class {});
  vi.stubGlobal('crossOriginIsolated', true);
  machine();
});
afterEach(() => vi.unstubAllGlobals());

const ask = (options: Parameters<typeof support>[1] = {}) =>
  support(server.base, { cache: new MemoryModelCache(), ...options });
const codes = async (options?: Parameters<typeof support>[1]) =>
  (await ask(options)).problems.map(({ code, fatal }) => (fatal ? `${code}!` : code));

test('a machine that has everything has no problems', async () => {
  pretend(50e6);
  const found = await ask();
  expect(found).toMatchObject({
    supported: true,
    device: 'webgpu',
    dtype: 'q4f16',
    adapter: { vendor: 'nvidia', f16: true, software: false, limits: { maxBufferSize: 2 ** 31 } },
    deviceMemory: 8 * 2 ** 30,
    storage: { quota: 1e10, usage: 0, persisted: true },
    problems: [],
  });
  expect(found.model!.downloadBytes).toBeGreaterThan(50e6);
});

test('a machine that tells nothing about itself is asked nothing more', async () => {
  vi.stubGlobal('navigator', {});
  expect(await ask()).toMatchObject({
    supported: true,
    device: 'wasm',
    adapter: undefined,
    deviceMemory: undefined,
    storage: { quota: undefined, usage: undefined, persisted: undefined },
  });
});

test.each<[string, Machine, string[]]>([
  ['no shader-f16', { features: [] }, ['NO_F16']],
  ['an adapter that is a CPU', { info: { architecture: 'swiftshader' } }, ['SOFTWARE_ADAPTER']],
  ['little memory', { deviceMemory: 0.25 }, ['LOW_MEMORY']],
  ['a GPU of small buffers', { maxBufferSize: 1e6 }, ['OUT_OF_MEMORY!']],
  ['a small disk', { quota: 1e6 }, ['STORAGE_FULL']],
])('%s', async (_, what, expected) => {
  machine(what);
  pretend(50e6);
  expect(await codes()).toEqual(expected);
  expect((await ask()).supported).toBe(!expected[0]!.endsWith('!'));
  for (const { message, fix } of (await ask()).problems) {
    expect(message).not.toBe('');
    expect(fix).not.toBe('');
  }
});

test('without WebGPU and without isolation wasm runs, on one thread', async () => {
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('crossOriginIsolated', false);
  expect(await codes()).toEqual(['NO_WEBGPU', 'NO_THREADS']);
});

test('what was asked for and is not there is fatal, and no device is named', async () => {
  vi.stubGlobal('navigator', {});
  expect(await ask({ device: 'webgpu' })).toMatchObject({
    supported: false,
    device: undefined,
    problems: [{ code: 'UNSUPPORTED', fatal: true }],
  });
});

test('weights beyond what one wasm worker can address are fatal', async () => {
  vi.stubGlobal('navigator', {});
  pretend(2.5e9);
  expect(await codes({ device: 'wasm' })).toContain('OUT_OF_MEMORY!');
});

test('a browser without workers is fatal', async () => {
  vi.stubGlobal('Worker', undefined);
  expect(await codes()).toEqual(['UNSUPPORTED!']);
});

test('a device that there is not is BAD_INPUT', async () => {
  // @ts-expect-error no such device
  await expect(ask({ device: 'gpu' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

test('int4 weights that wasm expands are counted as f32, by the shapes in config.json', async () => {
  const shapes = { vocab_size: 1000, intermediate_size: 100 };
  const before = (await ask({ device: 'wasm' })).model!.memory.weights;
  expect(before).toBe(5 * 300_000); // five sessions read the one file
  server.edit('config.json', (config) => {
    Object.assign(config, shapes);
    Object.assign(config.gmsa, { encoder_layers: 1, lsa_layers: 1 });
  });
  const { memory } = (await ask({ device: 'wasm' })).model!;
  // H 64, 2 heads, 1 of keys and values, head 32: attention 64·32·2·(2 + 1), feed-forward 3·64·100
  const layer = 64 * 32 * 2 * 3 + 3 * 64 * 100;
  const vocabulary = 1000 * 64;
  expect(memory.weights).toBe(4 * (4 * layer + 3 * vocabulary));
  expect(memory.keyValueCache).toBe(2 * 2 * 32 * 1024 * 4);
  expect(memory.total).toBe(memory.weights + memory.keyValueCache + memory.runtime);
  expect(GRAPH_NAMES).toHaveLength(4);
});
