// For browser tests: counts the GPU buffers that exist, by wrapping what makes and what destroys them.

export interface LiveBuffers {
  /** Labels of the buffers alive; '' for those without. */
  labels(): string[];
  /** All devices made meanwhile. */
  devices: GPUDevice[];
  /** Puts the browser's own methods back. */
  stop(): void;
}

export function countLiveBuffers(): LiveBuffers {
  const alive = new Map<GPUBuffer, string>();
  const devices: GPUDevice[] = [];
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  const { requestDevice } = GPUAdapter.prototype;

  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    return device;
  };
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    alive.set(buffer, descriptor.label ?? '');
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    alive.delete(this);
    return destroy.call(this);
  };
  return {
    labels: () => [...alive.values()],
    devices,
    stop: () => {
      Object.assign(GPUDevice.prototype, { createBuffer });
      Object.assign(GPUBuffer.prototype, { destroy });
      Object.assign(GPUAdapter.prototype, { requestDevice });
    },
  };
}
