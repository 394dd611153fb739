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
