// Argmax in two steps: each of up to WORKGROUP_SIZE workgroups finds the best of its logits, then one workgroup the
// best of those. On the bits alone: shaders may assume that floats are never NaN or infinite.

export const WORKGROUP_SIZE = 256;

export const ARGMAX_WGSL = /* wgsl */ `
struct Sizes {
  logits: u32,
  masked: u32,
  partials: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> logits: array<u32>;  // bits of f32
@group(0) @binding(2) var<storage, read> masked: array<u32>;  // ids
@group(0) @binding(3) var<storage, read_write> partials: array<vec2u>;  // key and id

var<workgroup> best: array<vec2u, ${WORKGROUP_SIZE}>;

// Orders finite floats as they are ordered themselves, both zeros alike; 0 for what is not finite.
fn key_of(bits: u32) -> u32 {
  if ((bits & 0x7f800000u) == 0x7f800000u) { return 0u; }
  if (bits == 0x80000000u) { return bits; }
  return select(bits | 0x80000000u, ~bits, bits >> 31u == 1u);
}

fn is_masked(id: u32) -> bool {
  for (var i = 0u; i < sizes.masked; i++) {
    if (masked[i] == id) { return true; }
  }
  return false;
}

fn better(a: vec2u, b: vec2u) -> vec2u {
  return select(b, a, a.x > b.x || (a.x == b.x && a.y < b.y));
}

fn reduce(local: u32) {
  for (var half = ${WORKGROUP_SIZE / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { best[local] = better(best[local], best[local + half]); }
  }
}

@compute @workgroup_size(${WORKGROUP_SIZE})
fn of_logits(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  var mine = vec2u(0u, 0xffffffffu);
  for (var id = workgroup.x * ${WORKGROUP_SIZE}u + local; id < sizes.logits; id += sizes.partials * ${WORKGROUP_SIZE}u) {
    if (!is_masked(id)) { mine = better(mine, vec2u(key_of(logits[id]), id)); }
  }
  best[local] = mine;
  reduce(local);
  if (local == 0u) { partials[workgroup.x] = best[0]; }
}

@compute @workgroup_size(${WORKGROUP_SIZE})
fn of_partials(@builtin(local_invocation_index) local: u32) {
  best[local] = vec2u(0u, 0xffffffffu);
  if (local < sizes.partials) { best[local] = partials[local]; }
  reduce(local);
  if (local == 0u) { partials[0] = best[0]; }
}
`;
