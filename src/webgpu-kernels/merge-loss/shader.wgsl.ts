// One workgroup per group of hidden states: each thread takes every 64th column, the first one adds up what all have
// found, in order, so that the same states always give the same bits.
import { type GroupMergeVariant, HEADER } from '../group-merge/shader.wgsl.js';

export const WORKGROUP_SIZE = 64;

const STORED = {
  f32: ['f32', 'hidden[at]'],
  f16: ['f16', 'f32(hidden[at])'],
  'f16-packed': ['u32', 'unpack2x16float(hidden[at / 2u])[at % 2u]'],
} as const;

export function mergeLossWgsl(variant: GroupMergeVariant): string {
  const [stored, load] = STORED[variant];
  return /* wgsl */ `${variant === 'f16' ? 'enable f16;' : ''}
${HEADER}
@group(0) @binding(2) var<storage, read> hidden: array<${stored}>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec2f>;  // a group: Σ|h − mean|², Σ|h|²

var<workgroup> partial: array<vec2f, ${WORKGROUP_SIZE}>;

fn load(at: u32) -> f32 { return ${load}; }

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = workgroup.y * workgroups.x + workgroup.x;
  if (row >= sizes.threads) { return; }
  let segment = row / sizes.groups;
  let rows = group_rows(segment, row % sizes.groups);
  let start = (segment * sizes.tokens + rows.x) * sizes.columns;
  var found = vec2f();
  for (var column = local; column < sizes.columns; column += ${WORKGROUP_SIZE}u) {
    var total = 0.0;
    for (var i = 0u; i < rows.y; i++) { total += load(start + i * sizes.columns + column); }
    let mean = total / f32(max(rows.y, 1u));
    for (var i = 0u; i < rows.y; i++) {
      let value = load(start + i * sizes.columns + column);
      found += vec2f((value - mean) * (value - mean), value * value);
    }
  }
  partial[local] = found;
  workgroupBarrier();
  if (local == 0u) {
    var sum = vec2f();
    for (var i = 0u; i < ${WORKGROUP_SIZE}u; i++) { sum += partial[i]; }
    sums[row] = sum;
  }
}
`;
}
