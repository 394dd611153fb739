/**
 * Chromium's flags for WebGPU on SwiftShader: it needs no GPU, is the same everywhere, slow, and without shader-f16.
 *
 * The last one is about time alone: the Vulkan extension makes SwiftShader compile a store for every word of a shader's
 * workgroup memory, nine tenths of all the time in it; without the extension Dawn writes a loop into the shader, which
 * sets the same zeros.
 */
export const SOFTWARE_WEBGPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
];
