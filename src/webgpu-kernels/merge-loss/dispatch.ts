// Runs the merge loss on a GPUDevice. The caller owns the hidden states; all other buffers are made and destroyed here.
import { bytesPerValue } from '../group-merge/dispatch.js';
import { checkGroupMergeShape, type GroupMergeShape, mergedLength } from '../group-merge/reference.js';
import type { GroupMergeVariant } from '../group-merge/shader.wgsl.js';
import { grid, pipelineOf } from '../pipelines.js';
import { readBack } from '../read-back.js';
import { smallBuffer } from '../small-buffer.js';
import { lossOf } from './reference.js';
import { mergeLossWgsl } from './shader.wgsl.js';

/**
 * What merging at a rate loses of each segment (`mergeLossReference`).
 * @param hidden [S,T,H] from offset 0; may be larger. STORAGE.
 * @throws RangeError if a size or the buffer does not fit
 */
export async function mergeLoss(
  device: GPUDevice,
  variant: GroupMergeVariant,
  hidden: GPUBuffer,
  shape: GroupMergeShape,
): Promise<number[]> {
  checkGroupMergeShape(shape);
  const { lengths, tokens, hiddenSize, rate } = shape;
  const groups = mergedLength(shape);
  const rows = lengths.length * groups;
  if (rows === 0) return lengths.map(() => 0);
  const inputBytes = Math.ceil((lengths.length * tokens * hiddenSize * bytesPerValue(variant)) / 4) * 4;
  if (hidden.size < inputBytes) {
    throw new RangeError(`hidden states: ${hidden.size} bytes, ${inputBytes} needed`);
  }
  const pipeline = await pipelineOf(device, `gmsa merge loss ${variant}`, () => mergeLossWgsl(variant));

  const { UNIFORM, STORAGE, COPY_SRC } = GPUBufferUsage;
  const label = 'gmsa merge loss';
  const sizes = Uint32Array.of(lengths.length, tokens, groups, hiddenSize, rate, rows, 0, 0);
  const buffers = [
    smallBuffer(device, 'merge loss sizes', UNIFORM, sizes),
    smallBuffer(device, 'merge loss lengths', STORAGE, Uint32Array.from(lengths)),
    device.createBuffer({ label: `${label} sums`, size: rows * 8, usage: STORAGE | COPY_SRC }),
  ] as const;
  const [sizeBuffer, lengthBuffer, sums] = buffers;
  try {
    const bindGroup = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: sizeBuffer } },
        { binding: 1, resource: { buffer: lengthBuffer } },
        { binding: 2, resource: { buffer: hidden, size: inputBytes } },
        { binding: 3, resource: { buffer: sums } },
      ],
    });
    const commands = device.createCommandEncoder({ label });
    const pass = commands.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...grid(device, rows));
    pass.end();
    device.queue.submit([commands.finish()]);
    const values = new Float32Array(await readBack(device, sums, rows * 8));
    return lengths.map((_, segment) => {
      let [within, energy] = [0, 0];
      for (let row = segment * groups; row < (segment + 1) * groups; row += 1) {
        within += values[2 * row]!;
        energy += values[2 * row + 1]!;
      }
      return lossOf(within, energy);
    });
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}
