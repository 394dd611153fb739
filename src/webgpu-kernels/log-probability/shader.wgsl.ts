// Log-softmax of one entry of each row: one workgroup a row, which finds the row's maximum and then the sum of the
// exponentials. Whether a value is finite is read off its bits: shaders may assume that floats are never NaN or infinite.

export const WORKGROUP_SIZE = 256;

export const LOG_PROBABILITY_WGSL = /* wgsl */ `
struct Sizes {
  rows: u32,
  columns: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> logits: array<u32>;   // bits of f32
@group(0) @binding(2) var<storage, read> targets: array<u32>;  // a column for each row
@group(0) @binding(3) var<storage, read_write> result: array<vec2u>;  // bits of f32, and 1 if all logits are finite

var<workgroup> partial: array<f32, ${WORKGROUP_SIZE}>;
var<workgroup> bad: atomic<u32>;

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = workgroup.x;
  let start = row * sizes.columns;
  var maximum = -3.4028234e38;
  var is_bad = false;
  for (var i = local; i < sizes.columns; i += ${WORKGROUP_SIZE}u) {
    let bits = logits[start + i];
    if ((bits & 0x7f800000u) == 0x7f800000u) { is_bad = true; } else { maximum = max(maximum, bitcast<f32>(bits)); }
  }
  if (is_bad) { atomicStore(&bad, 1u); }
  partial[local] = maximum;
  for (var half = ${WORKGROUP_SIZE / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { partial[local] = max(partial[local], partial[local + half]); }
  }
  workgroupBarrier();
  maximum = partial[0];
  workgroupBarrier();

  var sum = 0.0;
  for (var i = local; i < sizes.columns; i += ${WORKGROUP_SIZE}u) {
    let bits = logits[start + i];
    if ((bits & 0x7f800000u) != 0x7f800000u) { sum += exp(bitcast<f32>(bits) - maximum); }
  }
  partial[local] = sum;
  for (var half = ${WORKGROUP_SIZE / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { partial[local] += partial[local + half]; }
  }
  workgroupBarrier();
  if (local == 0u) {
    if (atomicLoad(&bad) == 1u) {
      result[row] = vec2u(0u, 0u);
    } else {
      let value = bitcast<f32>(logits[start + targets[row]]) - maximum - log(partial[0]);
      result[row] = vec2u(bitcast<u32>(min(value, 0.0)), 1u);
    }
  }
}
`;
