// Group mean, reducing the outer axis of contiguous rows: one thread per (group, column), a loop over the group's
// rows, an f32 accumulator, one write. Neighbouring threads read neighbouring columns, so nothing is left for shared
// memory or subgroups to win.

/** How the hidden states are stored, and read. `f16-packed` is f16 storage on a device without `shader-f16`. */
export type GroupMergeVariant = 'f32' | 'f16' | 'f16-packed';

export const WORKGROUP_SIZE = 64;

/** Sizes, lengths, and the rows of a group; bindings 0 and 1. */
const HEADER = /* wgsl */ `
struct Sizes {
  segments: u32,
  tokens: u32,   // rows of a segment in the input, padding included
  groups: u32,   // rows of a segment in the output
  columns: u32,  // of a row, in the unit of one thread
  rate: u32,
  threads: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> lengths: array<u32>;

// First token of a group and the number of its tokens: 0 beyond the segment's end.
fn group_rows(segment: u32, group: u32) -> vec2u {
  let length = lengths[segment];
  let first = group * sizes.rate;
  return vec2u(first, select(0u, min(sizes.rate, length - first), first < length));
}
`;

const MAIN_HEAD = /* wgsl */ `
@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // A 2-D grid: one dimension has at most 65,535 workgroups.
  let thread = (workgroup.y * workgroups.x + workgroup.x) * ${WORKGROUP_SIZE}u + local;
  if (thread >= sizes.threads) { return; }
`;

/** One thread per (group, column), where a column is `stored`: one value or four neighbouring ones. */
function columnShader(
  stored: string,
  sum: string,
  load: (v: string) => string,
  store: (v: string) => string,
) {
  return /* wgsl */ `${HEADER}
@group(0) @binding(2) var<storage, read> hidden: array<${stored}>;
@group(0) @binding(3) var<storage, read_write> merged: array<${stored}>;
${MAIN_HEAD}
  let column = thread % sizes.columns;
  let row = thread / sizes.columns;
  let segment = row / sizes.groups;
  let rows = group_rows(segment, row % sizes.groups);
  var total = ${sum}();
  var at = (segment * sizes.tokens + rows.x) * sizes.columns + column;
  for (var i = 0u; i < rows.y; i++) {
    total += ${load('hidden[at]')};
    at += sizes.columns;
  }
  let mean = total / f32(max(rows.y, 1u));
  merged[thread] = ${store('mean')};
}
`;
}

/**
 * Packed f16 whose width is no multiple of four: rows need not begin at a u32 (odd H), and the two values of an output
 * word can belong to different groups. One thread per output word; each of its values is found by its flat index.
 */
const PACKED_ANY_WIDTH = /* wgsl */ `${HEADER}
@group(0) @binding(2) var<storage, read> hidden: array<u32>;
@group(0) @binding(3) var<storage, read_write> merged: array<u32>;

fn mean_at(index: u32) -> f32 {
  let column = index % sizes.columns;
  let row = index / sizes.columns;
  let segment = row / sizes.groups;
  if (segment >= sizes.segments) { return 0.0; }  // the half word after the last value
  let rows = group_rows(segment, row % sizes.groups);
  var total = 0.0;
  var at = (segment * sizes.tokens + rows.x) * sizes.columns + column;
  for (var i = 0u; i < rows.y; i++) {
    let pair = unpack2x16float(hidden[at / 2u]);
    total += select(pair.x, pair.y, at % 2u == 1u);
    at += sizes.columns;
  }
  return total / f32(max(rows.y, 1u));
}
${MAIN_HEAD}
  merged[thread] = pack2x16float(vec2f(mean_at(2u * thread), mean_at(2u * thread + 1u)));
}
`;

/** @param vectorised four columns a thread; needs a width that is a multiple of four */
export function groupMergeWgsl(variant: GroupMergeVariant, vectorised: boolean): string {
  switch (variant) {
    case 'f32': {
      const type = vectorised ? 'vec4f' : 'f32';
      return columnShader(
        type,
        type,
        (v) => v,
        (v) => v,
      );
    }
    case 'f16': {
      const [stored, sum] = vectorised ? ['vec4<f16>', 'vec4f'] : ['f16', 'f32'];
      return `enable f16;\n${columnShader(
        stored!,
        sum!,
        (v) => `${sum}(${v})`,
        (v) => `${stored}(${v})`,
      )}`;
    }
    case 'f16-packed':
      if (!vectorised) return PACKED_ANY_WIDTH;
      return columnShader(
        'vec2u',
        'vec4f',
        (v) => `vec4f(unpack2x16float(${v}.x), unpack2x16float(${v}.y))`,
        (v) => `vec2u(pack2x16float(${v}.xy), pack2x16float(${v}.zw))`,
      );
  }
}
