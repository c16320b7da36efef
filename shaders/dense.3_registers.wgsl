// dense, rung 3: a thread owns 4 x 4 elements, and keeps what it has loaded in registers while it uses it four times
//
// Shapes      as in the plain file: x [batch, in_features], w [out_features, in_features], b [out_features],
//             y [batch, out_features]; dx, dw are shaped as x, w, and dy as y; scratch [parts, batch, out_features]
// One thread  owns a tile of 4 x 4 elements of the output, 16 sums in registers. The columns of a tile lie 16 apart, so that
//             neighbouring threads store neighbouring elements
// Workgroup   16 x 16 threads: 64 x 64 elements. They stage 16 terms of the sum at a time, 8 values each
// Reads       of buffers 8 values for 256 multiply-adds of a thread, 0.125 bytes for each; of workgroup memory 8 for 16, 2
//             bytes for each
// Cost        8.1 KiB of workgroup memory; registers for 16 sums and 8 factors
//
// Improves on rung 2, which loads two values from workgroup memory for each multiply-add: here 8 serve 16. What limits it is
// still workgroup memory, and every load is an instruction that brings a single value. The default on GPUs where in_features is
// no multiple of 4, which rung 4 needs. The whole ladder: docs/ladder.md

struct Params {
    batch: u32,
    in_features: u32,
    out_features: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<storage, read_write> dw: array<f32>;
@group(0) @binding(9) var<storage, read_write> scratch: array<f32>;

const SIDE = 64u; // elements of a tile in both directions
const DEPTH = 16u; // terms of the sum that are staged at a time
const PITCH = 65u; // from one staged term to the next: one more than SIDE, as in rung 2

// DEPTH terms of the tile's rows, and of its columns.
var<workgroup> staged_rows: array<f32, DEPTH * PITCH>;
var<workgroup> staged_columns: array<f32, DEPTH * PITCH>;

// x[n, i], or 0 outside.
fn load_x_feature(n: u32, i: u32) -> f32 {
    if (n >= p.batch || i >= p.in_features) { return 0.0; }
    return x[n * p.in_features + i];
}

// w[o, i], or 0 outside.
fn load_w_feature(o: u32, i: u32) -> f32 {
    if (o >= p.out_features || i >= p.in_features) { return 0.0; }
    return w[o * p.in_features + i];
}

// dy[n, o], or 0 outside.
fn load_dy_feature(n: u32, o: u32) -> f32 {
    if (n >= p.batch || o >= p.out_features) { return 0.0; }
    return dy[n * p.out_features + o];
}

// All products of an element of a (rows) and one of b (columns).
fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(a * b.x, a * b.y, a * b.z, a * b.w);
}

// A thread's sums plus the staged terms of its four rows, from `row` on, and its four columns, `column` and those 16, 32 and
// 48 behind it.
fn plus_staged(sums: mat4x4<f32>, row: u32, column: u32) -> mat4x4<f32> {
    workgroupBarrier();
    var new_sums = sums;
    for (var k = 0u; k < DEPTH; k++) {
        let r = k * PITCH + row;
        let c = k * PITCH + column;
        new_sums += outer(vec4(staged_rows[r], staged_rows[r + 1u], staged_rows[r + 2u], staged_rows[r + 3u]),
            vec4(staged_columns[c], staged_columns[c + 16u], staged_columns[c + 32u], staged_columns[c + 48u]));
    }
    workgroupBarrier();
    return new_sums;
}

// y[n, o] = b[o] + sum_i x[n, i] * w[o, i], in two passes, as in the plain file. Rows are images, columns out_features. Group
// z of the grid adds up part z of the sum: there are as many parts as groups.
@compute @workgroup_size(256)
fn forward_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let first_n = group.y * SIDE;
    let first_o = group.x * SIDE;
    let row = thread / 16u * 4u;
    let column = thread % 16u;
    var sums = mat4x4<f32>();
    let steps = (p.in_features + DEPTH - 1u) / DEPTH;
    let steps_of_part = (steps + groups.z - 1u) / groups.z;
    for (var step = group.z * steps_of_part; step < min((group.z + 1u) * steps_of_part, steps); step++) {
        let first = step * DEPTH;
        for (var i = thread; i < SIDE * DEPTH; i += 256u) {
            let k = i % DEPTH;
            staged_rows[k * PITCH + i / DEPTH] = load_x_feature(first_n + i / DEPTH, first + k);
            staged_columns[k * PITCH + i / DEPTH] = load_w_feature(first_o + i / DEPTH, first + k);
        }
        sums = plus_staged(sums, row, column);
    }
    store_partial_column(group.z, first_n + row, first_o + column, sums[0]);
    store_partial_column(group.z, first_n + row, first_o + column + 16u, sums[1]);
    store_partial_column(group.z, first_n + row, first_o + column + 32u, sums[2]);
    store_partial_column(group.z, first_n + row, first_o + column + 48u, sums[3]);
}

// One out_feature of four images, in part `part`.
fn store_partial_column(part: u32, n: u32, o: u32, four: vec4<f32>) {
    if (o >= p.out_features) { return; }
    let i = (part * p.batch + n) * p.out_features + o;
    if (n < p.batch) { scratch[i] = four.x; }
    if (n + 1u < p.batch) { scratch[i + p.out_features] = four.y; }
    if (n + 2u < p.batch) { scratch[i + p.out_features * 2u] = four.z; }
    if (n + 3u < p.batch) { scratch[i + p.out_features * 3u] = four.w; }
}

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// The second pass adds up the parts, always in the same order, and the bias.
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    let elements = p.batch * p.out_features;
    if (element >= elements) { return; }
    var sum = 0.0;
    for (var i = element; i < arrayLength(&scratch); i += elements) {
        sum += scratch[i];
    }
    y[element] = sum + b[element % p.out_features];
}

// dx[n, i] = sum_o dy[n, o] * w[o, i]. Rows are images, columns in_features.
@compute @workgroup_size(256)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_n = group.y * SIDE;
    let first_i = group.x * SIDE;
    let row = thread / 16u * 4u;
    let column = thread % 16u;
    var sums = mat4x4<f32>();
    for (var first = 0u; first < p.out_features; first += DEPTH) {
        for (var i = thread; i < SIDE * DEPTH; i += 256u) {
            staged_rows[i % DEPTH * PITCH + i / DEPTH] = load_dy_feature(first_n + i / DEPTH, first + i % DEPTH);
            staged_columns[i / SIDE * PITCH + i % SIDE] = load_w_feature(first + i / SIDE, first_i + i % SIDE);
        }
        sums = plus_staged(sums, row, column);
    }
    store_dx_column(first_n + row, first_i + column, sums[0]);
    store_dx_column(first_n + row, first_i + column + 16u, sums[1]);
    store_dx_column(first_n + row, first_i + column + 32u, sums[2]);
    store_dx_column(first_n + row, first_i + column + 48u, sums[3]);
}

// dx[n, i] to dx[n + 3, i].
fn store_dx_column(n: u32, i: u32, four: vec4<f32>) {
    if (i >= p.in_features) { return; }
    let at = n * p.in_features + i;
    if (n < p.batch) { dx[at] = four.x; }
    if (n + 1u < p.batch) { dx[at + p.in_features] = four.y; }
    if (n + 2u < p.batch) { dx[at + p.in_features * 2u] = four.z; }
    if (n + 3u < p.batch) { dx[at + p.in_features * 3u] = four.w; }
}

// dw[o, i] = sum_n dy[n, o] * x[n, i]. Rows are out_features, columns in_features.
@compute @workgroup_size(256)
fn backward_w(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_o = group.y * SIDE;
    let first_i = group.x * SIDE;
    let row = thread / 16u * 4u;
    let column = thread % 16u;
    var sums = mat4x4<f32>();
    for (var first = 0u; first < p.batch; first += DEPTH) {
        for (var i = thread; i < SIDE * DEPTH; i += 256u) {
            let k = i / SIDE;
            staged_rows[k * PITCH + i % SIDE] = load_dy_feature(first + k, first_o + i % SIDE);
            staged_columns[k * PITCH + i % SIDE] = load_x_feature(first + k, first_i + i % SIDE);
        }
        sums = plus_staged(sums, row, column);
    }
    store_dw_column(first_o + row, first_i + column, sums[0]);
    store_dw_column(first_o + row, first_i + column + 16u, sums[1]);
    store_dw_column(first_o + row, first_i + column + 32u, sums[2]);
    store_dw_column(first_o + row, first_i + column + 48u, sums[3]);
}

// dw[o, i] to dw[o + 3, i].
fn store_dw_column(o: u32, i: u32, four: vec4<f32>) {
    if (i >= p.in_features) { return; }
    let at = o * p.in_features + i;
    if (o < p.out_features) { dw[at] = four.x; }
    if (o + 1u < p.out_features) { dw[at + p.in_features] = four.y; }
    if (o + 2u < p.out_features) { dw[at + p.in_features * 2u] = four.z; }
    if (o + 3u < p.out_features) { dw[at + p.in_features * 3u] = four.w; }
}
