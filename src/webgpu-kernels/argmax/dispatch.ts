// Runs the argmax on a GPUDevice. The caller owns the logits; all other buffers are made and destroyed here. Pipelines
// live as long as their device.
import { readBack, smallBuffer } from '../buffers.js';
import type { Argmax } from './reference.js';
import { ARGMAX_WGSL, WORKGROUP_SIZE } from './shader.wgsl.js';

/** Enough to keep a large GPU's memory busy with 50,000 logits. */
const MAX_PARTIALS = 64;

interface Pipelines {
  layout: GPUBindGroupLayout;
  ofLogits: GPUComputePipeline;
  ofPartials: GPUComputePipeline;
}

const pipelines = new WeakMap<GPUDevice, Promise<Pipelines>>();

/**
 * The id of the largest logit; eight bytes are read back.
 * @param logits f32 [V] from offset 0; may be larger, as ONNX Runtime's pooled buffers are. STORAGE.
 * @param count V, at least 1
 * @param masked ids that are passed over
 * @throws RangeError if the buffer is too small
 */
export async function argmax(
  device: GPUDevice,
  logits: GPUBuffer,
  count: number,
  masked: readonly number[] = [],
): Promise<Argmax> {
  if (count < 1 || logits.size < 4 * count) {
    throw new RangeError(`logits: ${logits.size} bytes for ${count} values`);
  }
  const { layout, ofLogits, ofPartials } = await pipelinesOf(device);
  const partialCount = Math.min(MAX_PARTIALS, Math.ceil(count / WORKGROUP_SIZE));
  const { UNIFORM, STORAGE, COPY_SRC } = GPUBufferUsage;
  const sizes = Uint32Array.of(count, masked.length, partialCount, 0);
  const sizeBuffer = smallBuffer(device, 'argmax sizes', UNIFORM, sizes);
  const maskedBuffer = smallBuffer(device, 'argmax masked', STORAGE, Uint32Array.of(...masked, 0));
  const partials = device.createBuffer({
    label: 'gmsa argmax partials',
    size: 8 * partialCount,
    usage: STORAGE | COPY_SRC,
  });
  try {
    const bindGroup = device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: sizeBuffer } },
        { binding: 1, resource: { buffer: logits, size: 4 * count } },
        { binding: 2, resource: { buffer: maskedBuffer } },
        { binding: 3, resource: { buffer: partials } },
      ],
    });
    const commands = device.createCommandEncoder({ label: 'gmsa argmax' });
    const pass = commands.beginComputePass();
    pass.setBindGroup(0, bindGroup);
    pass.setPipeline(ofLogits);
    pass.dispatchWorkgroups(partialCount);
    pass.setPipeline(ofPartials);
    pass.dispatchWorkgroups(1);
    pass.end();
    device.queue.submit([commands.finish()]);
    const [key, id] = new Uint32Array(await readBack(device, partials, 8));
    return key === 0 ? { id: 0, isFinite: false } : { id: id!, isFinite: true };
  } finally {
    for (const buffer of [sizeBuffer, maskedBuffer, partials]) buffer.destroy();
  }
}

function pipelinesOf(device: GPUDevice): Promise<Pipelines> {
  let made = pipelines.get(device);
  if (!made) {
    made = makePipelines(device);
    pipelines.set(device, made);
  }
  return made;
}

async function makePipelines(device: GPUDevice): Promise<Pipelines> {
  const label = 'gmsa argmax';
  const types: GPUBufferBindingType[] = ['uniform', 'read-only-storage', 'read-only-storage', 'storage'];
  const layout = device.createBindGroupLayout({
    label,
    entries: types.map((type, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type },
    })),
  });
  const module = device.createShaderModule({ label, code: ARGMAX_WGSL });
  const pipelineLayout = device.createPipelineLayout({ label, bindGroupLayouts: [layout] });
  const pipeline = (entryPoint: string) =>
    device.createComputePipelineAsync({ label, layout: pipelineLayout, compute: { module, entryPoint } });
  const [ofLogits, ofPartials] = await Promise.all([pipeline('of_logits'), pipeline('of_partials')]);
  return { layout, ofLogits, ofPartials };
}
