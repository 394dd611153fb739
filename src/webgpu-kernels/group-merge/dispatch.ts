// Runs the group merge on a GPUDevice. The caller owns the hidden states and the output; the small buffers for sizes
// and lengths are made and destroyed here.

import { smallBuffer } from '../buffers.js';
import { grid, pipelineOf } from '../pipelines.js';
import { checkGroupMergeShape, type GroupMergeShape, mergedLength } from './reference.js';
import { type GroupMergeVariant, groupMergeWgsl, WORKGROUP_SIZE } from './shader.wgsl.js';

export interface GroupMergeBuffers {
  /** [S,T,H] from offset 0; may be larger, as ONNX Runtime's pooled buffers are. STORAGE. */
  hidden: GPUBuffer;
  /** [S,M,H] from offset 0, at least `groupMergeOutputBytes`. STORAGE. Written whole, padding groups with zeros. */
  merged: GPUBuffer;
}

/** The variant for hidden states stored as `type` on this device. */
export function groupMergeVariant(device: GPUDevice, type: 'float32' | 'float16'): GroupMergeVariant {
  if (type === 'float32') return 'f32';
  return device.features.has('shader-f16') ? 'f16' : 'f16-packed';
}

/** Bytes of [S,M,H], rounded up to a multiple of 16 as ONNX Runtime wants buffers to be; at least 16. */
export function groupMergeOutputBytes(variant: GroupMergeVariant, shape: GroupMergeShape): number {
  const values = shape.lengths.length * mergedLength(shape) * shape.hiddenSize;
  return Math.max(16, roundUp(values * bytesPerValue(variant), 16));
}

/**
 * Submits one group merge to the device's queue; work submitted later on the same device sees its result.
 * @throws RangeError if a size or a buffer does not fit
 */
export async function groupMerge(
  device: GPUDevice,
  variant: GroupMergeVariant,
  { hidden, merged }: GroupMergeBuffers,
  shape: GroupMergeShape,
): Promise<void> {
  checkGroupMergeShape(shape);
  const { lengths, tokens, hiddenSize, rate } = shape;
  const groups = mergedLength(shape);
  const values = lengths.length * groups * hiddenSize;
  if (values === 0) return;
  const inputBytes = roundUp(lengths.length * tokens * hiddenSize * bytesPerValue(variant), 4);
  const outputBytes = roundUp(values * bytesPerValue(variant), 4);
  if (hidden.size < inputBytes)
    throw new RangeError(`hidden states: ${hidden.size} bytes, ${inputBytes} needed`);
  if (merged.size < outputBytes) throw new RangeError(`output: ${merged.size} bytes, ${outputBytes} needed`);

  const vectorised = hiddenSize % 4 === 0;
  const columns = vectorised ? hiddenSize / 4 : hiddenSize;
  const valuesPerThread = vectorised ? 4 : variant === 'f16-packed' ? 2 : 1;
  const threads = Math.ceil(values / valuesPerThread);
  const label = `gmsa group merge ${variant} ${vectorised}`;
  const pipeline = await pipelineOf(device, label, () => groupMergeWgsl(variant, vectorised));

  const sizes = smallBuffer(
    device,
    'group merge sizes',
    GPUBufferUsage.UNIFORM,
    Uint32Array.of(lengths.length, tokens, groups, columns, rate, threads, 0, 0),
  );
  const lengthBuffer = smallBuffer(
    device,
    'group merge lengths',
    GPUBufferUsage.STORAGE,
    Uint32Array.from(lengths),
  );
  try {
    // Explicit sizes: a binding that runs to the end of a pooled buffer could exceed the binding limit.
    const bindGroup = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: sizes } },
        { binding: 1, resource: { buffer: lengthBuffer } },
        { binding: 2, resource: { buffer: hidden, size: inputBytes } },
        { binding: 3, resource: { buffer: merged, size: outputBytes } },
      ],
    });
    const commands = device.createCommandEncoder({ label: 'gmsa group merge' });
    const pass = commands.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...grid(device, Math.ceil(threads / WORKGROUP_SIZE)));
    pass.end();
    device.queue.submit([commands.finish()]);
  } finally {
    // Submitted work keeps what it uses alive.
    sizes.destroy();
    lengthBuffer.destroy();
  }
}

const bytesPerValue = (variant: GroupMergeVariant) => (variant === 'f32' ? 4 : 2);
const roundUp = (bytes: number, multiple: number) => Math.ceil(bytes / multiple) * multiple;
