// Runs the log-probabilities on a GPUDevice. The caller owns the logits; all other buffers are made and destroyed here.

import { readBack, smallBuffer } from '../buffers.js';
import { pipelineOf } from '../pipelines.js';
import { LOG_PROBABILITY_WGSL } from './shader.wgsl.js';

/**
 * Log-softmax of one entry of each row; eight bytes a row are read back.
 * @param logits f32 [N,V] from offset 0; may be larger, as ONNX Runtime's pooled buffers are. STORAGE.
 * @param columns V
 * @param targets [N], each below V; at least one, at most 65,535
 * @returns [N], natural logarithms; undefined if a logit is NaN or infinite
 * @throws RangeError if the buffer is too small
 */
export async function logProbability(
  device: GPUDevice,
  logits: GPUBuffer,
  columns: number,
  targets: readonly number[],
): Promise<Float32Array<ArrayBuffer> | undefined> {
  const rows = targets.length;
  const bytes = 4 * rows * columns;
  if (rows < 1 || logits.size < bytes) throw new RangeError(`logits: ${logits.size} bytes, ${bytes} needed`);
  const pipeline = await pipelineOf(device, 'gmsa log-probability', () => LOG_PROBABILITY_WGSL);
  const { UNIFORM, STORAGE, COPY_SRC } = GPUBufferUsage;
  const sizes = smallBuffer(device, 'log-probability sizes', UNIFORM, Uint32Array.of(rows, columns, 0, 0));
  const targetBuffer = smallBuffer(device, 'log-probability targets', STORAGE, Uint32Array.from(targets));
  const result = device.createBuffer({
    label: 'gmsa log-probability result',
    size: 8 * rows,
    usage: STORAGE | COPY_SRC,
  });
  try {
    const bindGroup = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: sizes } },
        { binding: 1, resource: { buffer: logits, size: bytes } },
        { binding: 2, resource: { buffer: targetBuffer } },
        { binding: 3, resource: { buffer: result } },
      ],
    });
    const commands = device.createCommandEncoder({ label: 'gmsa log-probability' });
    const pass = commands.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(rows);
    pass.end();
    device.queue.submit([commands.finish()]);
    const read = await readBack(device, result, 8 * rows);
    const [values, flags] = [new Float32Array(read), new Uint32Array(read)];
    if (targets.some((_, row) => flags[2 * row + 1] === 0)) return undefined;
    return Float32Array.from(targets, (_, row) => values[2 * row]!);
  } finally {
    for (const buffer of [sizes, targetBuffer, result]) buffer.destroy();
  }
}
