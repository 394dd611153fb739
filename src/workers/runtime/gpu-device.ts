// Worker only. A device with everything ONNX Runtime would ask for itself: what it does not get it silently does
// without (fast paths, large buffers).
import { GmsaError } from '../../errors.js';

const FEATURES = ['shader-f16', 'timestamp-query'];
const SUBGROUP_FEATURES = ['subgroups', 'subgroup-size-control', 'chromium-experimental-subgroup-matrix'];

/**
 * Lanes that ONNX Runtime's subgroup shaders count on. With fewer (SwiftShader has 4) its flash attention, used for 32
 * and more positions at once, gives wrong results; without the feature it takes a path through shared memory, which is
 * right. Seen with onnxruntime-web 1.31.0-dev.20260914; gpu-device.browser.test.ts tells when this can go.
 */
const LEAST_SUBGROUP_SIZE = 8;

const LIMITS = [
  'maxBindGroups',
  'maxBindingsPerBindGroup',
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxDynamicStorageBuffersPerPipelineLayout',
  'maxDynamicUniformBuffersPerPipelineLayout',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxUniformBufferBindingSize',
  'maxUniformBuffersPerShaderStage',
] as const satisfies (keyof GPUSupportedLimits)[];

/**
 * The caller destroys the device.
 * @throws GmsaError `UNSUPPORTED` if there is no adapter, or it gives no device
 */
export async function createGpuDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw unsupported('WebGPU has no adapter in this worker.');
  const subgroups = adapter.info.subgroupMinSize >= LEAST_SUBGROUP_SIZE ? SUBGROUP_FEATURES : [];
  try {
    return await adapter.requestDevice({
      label: 'gmsa',
      requiredFeatures: [...FEATURES, ...subgroups].filter((feature) =>
        adapter.features.has(feature),
      ) as GPUFeatureName[],
      requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]])),
    });
  } catch (error) {
    throw unsupported(`The WebGPU adapter provided no device: ${(error as Error).message}`, error);
  }
}

function unsupported(message: string, cause?: unknown): GmsaError {
  return new GmsaError('UNSUPPORTED', message, "Use device: 'wasm'.", cause === undefined ? {} : { cause });
}
