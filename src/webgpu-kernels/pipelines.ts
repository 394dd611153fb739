// What kernels are dispatched with. Pipelines live as long as their device.

const pipelines = new WeakMap<GPUDevice, Map<string, Promise<GPUComputePipeline>>>();

/** @param label of one shader; the same label is the same code */
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
    const module = device.createShaderModule({ label, code: wgsl() });
    pipeline = device.createComputePipelineAsync({ label, layout: 'auto', compute: { module } });
    ofDevice.set(label, pipeline);
  }
  return pipeline;
}

/** A grid of at least so many workgroups: one dimension has at most 65,535. */
export function grid(device: GPUDevice, workgroups: number): [x: number, y: number] {
  const x = Math.min(workgroups, device.limits.maxComputeWorkgroupsPerDimension);
  return [x, Math.ceil(workgroups / x)];
}
