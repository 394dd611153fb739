// Buffers that kernels share their inputs and results with the CPU through.

/** A buffer that holds `data`, for the sizes and lists that a kernel reads. The caller destroys it. */
export function smallBuffer(
  device: GPUDevice,
  label: string,
  usage: GPUBufferUsageFlags,
  data: Uint32Array<ArrayBuffer>,
): GPUBuffer {
  const buffer = device.createBuffer({
    label: `gmsa ${label}`,
    size: data.byteLength,
    usage: usage | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

/** How long a device that is being lost takes to say so. */
const LOSS_MS = 50;

/**
 * Copies the first bytes of a buffer to the CPU, after all work submitted before.
 * @param bytes a multiple of 4
 */
export async function readBack(device: GPUDevice, buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
  const staging = device.createBuffer({
    label: 'gmsa read-back',
    size: bytes,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  try {
    const commands = device.createCommandEncoder({ label: 'gmsa read-back' });
    commands.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
    device.queue.submit([commands.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    return staging.getMappedRange().slice(0);
  } catch (error) {
    // WebGPU calls this an AbortError, which to our callers is an abort. Who listens to the loss can name it first.
    await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, LOSS_MS))]);
    throw new Error(`A result could not be read from the GPU: ${(error as Error).message}`, { cause: error });
  } finally {
    staging.destroy();
  }
}
