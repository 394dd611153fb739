// What kernels are dispatched with. Pipelines live as long as their device.

const pipelines = new WeakMap<GPUDevice, Map<string, Promise<GPUComputePipeline>>>();

/**
 * Compiles a kernel, once a device; after a failure the next call tries again.
 * @param label of one shader; the same label is the same code
 * @throws Error with the compiler's messages
 */
export function pipelineOf(
  device: GPUDevice,
  label: string,
  wgsl: () => string,
): Promise<GPUComputePipeline> {
  let ofDevice = pipelines.get(device);
  if (!ofDevice) {
    ofDevice = new Map();
    pipelines.set(device, ofDevice);
  }
  let pipeline = ofDevice.get(label);
  if (!pipeline) {
    pipeline = compile(device, label, wgsl());
    ofDevice.set(label, pipeline);
    pipeline.catch(() => ofDevice.delete(label));
  }
  return pipeline;
}

async function compile(device: GPUDevice, label: string, code: string): Promise<GPUComputePipeline> {
  const module = device.createShaderModule({ label, code });
  try {
    return await device.createComputePipelineAsync({ label, layout: 'auto', compute: { module } });
  } catch (error) {
    const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }));
    const details = messages.map(
      ({ type, lineNum, linePos, message }) => `${type} at ${lineNum}:${linePos}: ${message}`,
    );
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The kernel '${label}' does not compile. ${[reason, ...details].join('\n')}`, {
      cause: error,
    });
  }
}

/** A grid of at least so many workgroups: one dimension has at most 65,535. */
export function grid(device: GPUDevice, workgroups: number): [x: number, y: number] {
  const x = Math.min(workgroups, device.limits.maxComputeWorkgroupsPerDimension);
  return [x, Math.ceil(workgroups / x)];
}
