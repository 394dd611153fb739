// Runs the group-merge kernel beside its reference: for the browser tests, and for a page on a host with a real GPU,
// where alone the variant with native f16 can run.
import { float16FromFloat32, float32FromFloat16 } from '../utils/float16.js';
import { groupMerge, groupMergeOutputBytes } from '../webgpu-kernels/group-merge/dispatch.js';
import { type GroupMergeShape, groupMergeReference } from '../webgpu-kernels/group-merge/reference.js';
import type { GroupMergeVariant } from '../webgpu-kernels/group-merge/shader.wgsl.js';

export const VARIANTS: readonly GroupMergeVariant[] = ['f32', 'f16-packed', 'f16'];

/** Largest difference allowed: for f16, half of its last place for values up to 2. */
export const toleranceOf = (variant: GroupMergeVariant) => (variant === 'f32' ? 1e-6 : 1e-3);

// An odd width: two values a thread in the packed variant, one in the others.
const manyTokens = Math.ceil((65_536 * 64 * 2) / 101);

export const CASES: readonly [name: string, shape: GroupMergeShape][] = [
  ['one segment of full groups', { lengths: [8], tokens: 8, hiddenSize: 16, rate: 4 }],
  ['ragged last groups', { lengths: [10, 7, 1], tokens: 10, hiddenSize: 64, rate: 4 }],
  ['rows longer than any segment', { lengths: [5, 3], tokens: 9, hiddenSize: 12, rate: 2 }],
  ['an empty segment between others', { lengths: [4, 0, 6], tokens: 6, hiddenSize: 8, rate: 4 }],
  ['only an empty segment', { lengths: [0], tokens: 4, hiddenSize: 8, rate: 4 }],
  ['no segment', { lengths: [], tokens: 0, hiddenSize: 8, rate: 4 }],
  ['rate 1', { lengths: [5], tokens: 5, hiddenSize: 20, rate: 1 }],
  ['a rate above the length', { lengths: [5, 2], tokens: 5, hiddenSize: 20, rate: 16 }],
  ['an even width that is no multiple of four', { lengths: [9, 4], tokens: 9, hiddenSize: 6, rate: 4 }],
  ['an odd width', { lengths: [9, 4, 1], tokens: 9, hiddenSize: 7, rate: 4 }],
  ['an odd width and an odd number of values', { lengths: [5], tokens: 5, hiddenSize: 3, rate: 2 }],
  ['width 1', { lengths: [3, 2], tokens: 3, hiddenSize: 1, rate: 2 }],
  ['the size of SmolLM2-135M', { lengths: [512, 387, 45], tokens: 512, hiddenSize: 576, rate: 8 }],
  ['more than 65,535 workgroups', { lengths: [manyTokens], tokens: manyTokens, hiddenSize: 101, rate: 1 }],
];

/** Reproducible values in [-2, 2). */
function randomValues(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 30 - 2;
  });
}

async function readBack(device: GPUDevice, buffer: GPUBuffer): Promise<ArrayBuffer> {
  const staging = device.createBuffer({
    size: buffer.size,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const commands = device.createCommandEncoder();
  commands.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([commands.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const copy = staging.getMappedRange().slice(0);
  staging.destroy();
  return copy;
}

/**
 * Largest difference between the kernel and its reference, which gets the values as they are stored. NaN if the kernel
 * gave one.
 * @param extraBytes of the input buffer beyond its data, as ONNX Runtime's buffers have
 * @throws Error on a WebGPU validation error
 */
export async function groupMergeError(
  device: GPUDevice,
  variant: GroupMergeVariant,
  shape: GroupMergeShape,
  extraBytes = 0,
): Promise<number> {
  const count = shape.lengths.length * shape.tokens * shape.hiddenSize;
  const values = randomValues(count, 7 + count);
  const halves = variant === 'f32' ? undefined : float16FromFloat32(values);
  const stored = halves ?? values;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const bytes = Math.max(16, Math.ceil(stored.byteLength / 16) * 16) + extraBytes;
  const hidden = device.createBuffer({ size: bytes, usage });
  const padded = new Uint8Array(bytes).fill(0x55); // what lies behind the data must not matter
  padded.set(new Uint8Array(stored.buffer, 0, stored.byteLength));
  device.queue.writeBuffer(hidden, 0, padded);
  const merged = device.createBuffer({ size: groupMergeOutputBytes(variant, shape), usage });
  device.queue.writeBuffer(merged, 0, new Uint8Array(merged.size).fill(0x55)); // nor what was in the output
  try {
    device.pushErrorScope('validation');
    await groupMerge(device, variant, { hidden, merged }, shape);
    const error = await device.popErrorScope();
    if (error) throw new Error(error.message);

    const expected = groupMergeReference(halves ? float32FromFloat16(halves) : values, shape);
    const raw = await readBack(device, merged);
    const actual = halves ? float32FromFloat16(new Uint16Array(raw)) : new Float32Array(raw);
    return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - actual[i]!)), 0);
  } finally {
    hidden.destroy();
    merged.destroy();
  }
}

export interface KernelCheck {
  variant: GroupMergeVariant;
  name: string;
  /** Undefined where the adapter cannot run the variant. */
  error?: number;
  tolerance: number;
  result: 'ok' | 'wrong' | 'skipped: the adapter has no shader-f16';
}

/** All cases in all variants, on the page's default adapter. */
export async function checkGroupMerge(): Promise<KernelCheck[]> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('no WebGPU adapter');
  const hasF16 = adapter.features.has('shader-f16');
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: hasF16 ? ['shader-f16'] : [],
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  try {
    const checks: KernelCheck[] = [];
    for (const variant of VARIANTS) {
      const tolerance = toleranceOf(variant);
      for (const [name, shape] of CASES) {
        if (variant === 'f16' && !hasF16) {
          checks.push({ variant, name, tolerance, result: 'skipped: the adapter has no shader-f16' });
          continue;
        }
        const error = await groupMergeError(device, variant, shape);
        checks.push({ variant, name, error, tolerance, result: error <= tolerance ? 'ok' : 'wrong' });
      }
    }
    return checks;
  } finally {
    device.destroy();
  }
}
