import { describe, expect, test } from 'vitest';
import type { ConcreteDType } from '../model-folder/manifest.js';
import {
  type AdapterProbe,
  chooseRuntime,
  type Device,
  type DType,
  describeAdapter,
} from './device-choice.js';

const gpu: AdapterProbe = { vendor: 'v', architecture: 'a', description: '', f16: false, software: false };
const gpuF16 = { ...gpu, f16: true };
const software = { ...gpu, software: true };
const all: ConcreteDType[] = ['q4f16', 'q4', 'fp32'];

function choose(
  adapter: AdapterProbe | undefined,
  offered: ConcreteDType[],
  device: Device = 'auto',
  dtype: DType = 'auto',
) {
  const chosen = chooseRuntime({ device, dtype }, adapter, offered);
  return `${chosen.device} ${chosen.dtype}`;
}

describe('device and dtype auto', () => {
  test.each<[string, AdapterProbe | undefined, ConcreteDType[], string]>([
    ['a GPU with f16', gpuF16, all, 'webgpu q4f16'],
    ['a GPU without f16', gpu, all, 'webgpu q4'],
    ['no GPU', undefined, all, 'wasm fp32'],
    ['a software adapter', software, all, 'wasm fp32'],
    ['a GPU and a model in fp32 alone', gpuF16, ['fp32'], 'webgpu fp32'],
    ['a GPU without f16 and a model in q4f16 and fp32', gpu, ['q4f16', 'fp32'], 'webgpu fp32'],
    ['no GPU and a model without fp32', undefined, ['q4f16', 'q4'], 'wasm q4'],
    [
      'a software adapter and a model that only it can run',
      { ...software, f16: true },
      ['q4f16'],
      'webgpu q4f16',
    ],
  ])('%s', (_, adapter, offered, expected) => {
    expect(choose(adapter, offered)).toBe(expected);
  });
});

test('what was asked for is taken', () => {
  expect(choose(gpuF16, all, 'wasm')).toBe('wasm fp32');
  expect(choose(gpuF16, all, 'webgpu', 'q4')).toBe('webgpu q4');
  expect(choose(software, all, 'webgpu')).toBe('webgpu q4');
  expect(choose(gpuF16, all, 'auto', 'fp32')).toBe('webgpu fp32');
});

test.each<[string, AdapterProbe | undefined, ConcreteDType[], Device, DType, RegExp]>([
  ['webgpu without an adapter', undefined, all, 'webgpu', 'auto', /no WebGPU adapter/],
  ['q4f16 without shader-f16', gpu, all, 'webgpu', 'q4f16', /needs a GPU with shader-f16/],
  ['q4f16 on wasm', gpuF16, all, 'wasm', 'q4f16', /does not run on device 'wasm'/],
  ['a dtype that the model does not offer', gpu, ['fp32'], 'auto', 'q4', /it offers fp32/],
  ['a model that nothing here can run', undefined, ['q4f16'], 'auto', 'auto', /None of the dtypes/],
])('%s is UNSUPPORTED', (_, adapter, offered, device, dtype, message) => {
  expect(() => choose(adapter, offered, device, dtype)).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringMatching(message) }),
  );
});

test('a device that there is not is BAD_INPUT', () => {
  expect(() => choose(gpu, all, 'gpu' as Device)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
});

test('SwiftShader is known by its name where the browser does not say that it is a fallback', () => {
  const info = {
    vendor: 'google',
    architecture: 'swiftshader',
    device: '',
    description: '',
  } as GPUAdapterInfo;
  const features = new Set(['shader-f16']) as unknown as GPUSupportedFeatures;
  expect(describeAdapter({ info, features })).toMatchObject({ software: true, f16: true });
  const real = { ...info, vendor: 'nvidia', architecture: 'hopper' } as GPUAdapterInfo;
  expect(describeAdapter({ info: real, features })).toMatchObject({ software: false, vendor: 'nvidia' });
});
