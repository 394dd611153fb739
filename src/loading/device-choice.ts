// Which device and dtype to run: an answer from what was asked for, what the browser has and what the model offers.
import { GmsaError } from '../errors.js';
import type { ConcreteDType } from '../model-folder/manifest.js';
import type { AdapterDescription, ConcreteDevice } from '../workers/setup.js';

export type Device = 'auto' | ConcreteDevice;
export type DType = 'auto' | ConcreteDType;

export interface AdapterProbe extends AdapterDescription {
  /** A CPU in disguise (SwiftShader, llvmpipe): correct, but far slower than wasm. */
  software: boolean;
}

/** Undefined: no WebGPU, or no adapter. */
export async function requestAdapter(): Promise<GPUAdapter | undefined> {
  const adapter = await globalThis.navigator?.gpu
    ?.requestAdapter({ powerPreference: 'high-performance' })
    .catch(() => null);
  return adapter ?? undefined;
}

/** Looks at the adapter without making a device of it. */
export async function probeAdapter(): Promise<AdapterProbe | undefined> {
  const adapter = await requestAdapter();
  return adapter && describeAdapter(adapter);
}

export function describeAdapter(adapter: Pick<GPUAdapter, 'features' | 'info'>): AdapterProbe {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const names = `${architecture} ${device} ${description}`;
  return {
    vendor,
    architecture,
    description,
    f16: adapter.features.has('shader-f16'),
    software:
      isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(names),
  };
}

/** Best first. */
const PREFERENCES = {
  'webgpu with f16': ['q4f16', 'q4', 'fp32'],
  webgpu: ['q4', 'fp32'],
  // f32 products are ten times faster on wasm than q4 ones; f16 activations do not run there.
  wasm: ['fp32', 'q4'],
} as const satisfies Record<string, readonly ConcreteDType[]>;

/** @throws GmsaError `UNSUPPORTED`; `BAD_INPUT` for a device that there is not */
export function chooseRuntime(
  wanted: { device: Device; dtype: DType },
  adapter: AdapterProbe | undefined,
  offered: readonly ConcreteDType[],
): { device: ConcreteDevice; dtype: ConcreteDType } {
  if (!['auto', 'webgpu', 'wasm'].includes(wanted.device)) {
    throw new GmsaError(
      'BAD_INPUT',
      `The device option is '${wanted.device}'.`,
      "Use 'auto', 'webgpu', or 'wasm'.",
    );
  }
  if (wanted.device === 'webgpu' && !adapter) {
    throw new GmsaError(
      'UNSUPPORTED',
      'This browser has no WebGPU adapter.',
      "Use device: 'auto' or 'wasm', or a browser and GPU with WebGPU and hardware acceleration turned on.",
    );
  }
  const auto: ConcreteDevice[] =
    adapter && !adapter.software ? ['webgpu', 'wasm'] : adapter ? ['wasm', 'webgpu'] : ['wasm'];
  for (const device of wanted.device === 'auto' ? auto : [wanted.device]) {
    const able: readonly ConcreteDType[] =
      PREFERENCES[device === 'webgpu' && adapter?.f16 ? 'webgpu with f16' : device];
    const dtype = able.find((d) => offered.includes(d) && (wanted.dtype === 'auto' || wanted.dtype === d));
    if (dtype) return { device, dtype };
  }
  const where = wanted.device === 'auto' ? 'this browser' : `device '${wanted.device}'`;
  const f16 = wanted.dtype === 'q4f16' && !adapter?.f16 ? ' (it needs a GPU with shader-f16)' : '';
  throw new GmsaError(
    'UNSUPPORTED',
    wanted.dtype === 'auto'
      ? `None of the dtypes the model offers (${offered.join(', ')}) runs on ${where}.`
      : `dtype '${wanted.dtype}' does not run on ${where}${f16}, or the model does not offer it (it offers ${offered.join(', ')}).`,
    "Use device: 'auto' and dtype: 'auto', or a model folder with another dtype.",
  );
}
