// dense, rung 2: a workgroup reads a tile of both factors once, and all its threads share it
//
// Shapes      as in the plain file: x [batch, in_features], w [out_features, in_features], b [out_features],
//             y [batch, out_features]; dx, dw, db are shaped as x, w, b, and dy as y; scratch [parts, batch, out_features]
// One thread  owns one element of the output
// Workgroup   16 x 16 threads: a tile of 16 x 16 elements. For 16 terms of the sum at a time, each thread stages one value
//             of either factor in workgroup memory
// Reads       of buffers 2 values for 16 multiply-adds, 0.5 bytes for each; of workgroup memory 2 for each, 8 bytes
// Cost        2.1 KiB of workgroup memory, and few registers
//
// Improves on rung 1, where the 16 threads of a row all read the same row of x, and the 16 of a column the same row of w. What
// limits it now is workgroup memory: two loads for one multiply-add. The default for backward_b alone; else it is there to be
// read. The whole ladder: docs/ladder.md

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
@group(0) @binding(8) var<storage, read_write> db: array<f32>;
@group(0) @binding(9) var<storage, read_write> scratch: array<f32>;

// Terms that one workgroup of forward's first pass adds up, a multiple of TILE.
override CHUNK: u32;

const TILE = 16u;
// From one staged term to the next. One more than TILE: of 32 threads that store neighbouring terms at most two then meet in a
// memory bank. With 18 no two would, here; 17 is the habit, as one more than a power of two serves tiles of every size.
const PITCH = 17u;

// 16 terms of the sum: of the tile's rows, and of its columns. Term k of row r is at k * PITCH + r.
var<workgroup> staged_rows: array<f32, TILE * PITCH>;
var<workgroup> staged_columns: array<f32, TILE * PITCH>;

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

// The sum of the 16 staged terms of one element. The barriers keep fast threads from reading what slow ones have not stored
// yet, and from overwriting what slow ones still read.
fn staged_sum(row: u32, column: u32) -> f32 {
    workgroupBarrier();
    var sum = 0.0;
    for (var k = 0u; k < TILE; k++) {
        sum += staged_rows[k * PITCH + row] * staged_columns[k * PITCH + column];
    }
    workgroupBarrier();
    return sum;
}

// y[n, o] = b[o] + sum_i x[n, i] * w[o, i], in two passes, as in the plain file.
@compute @workgroup_size(TILE, TILE)
fn forward_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) own: vec3<u32>) {
    let first_n = group.y * TILE;
    let first_o = group.x * TILE;
    var sum = 0.0;
    for (var i = group.z * CHUNK; i < min((group.z + 1u) * CHUNK, p.in_features); i += TILE) {
        // Neighbouring threads read neighbouring terms: few sectors serve them all.
        staged_rows[own.x * PITCH + own.y] = load_x_feature(first_n + own.y, i + own.x);
        staged_columns[own.x * PITCH + own.y] = load_w_feature(first_o + own.y, i + own.x);
        sum += staged_sum(own.y, own.x);
    }
    let n = first_n + own.y;
    let o = first_o + own.x;
    if (n < p.batch && o < p.out_features) { scratch[(group.z * p.batch + n) * p.out_features + o] = sum; }
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
    for (var part = 0u; part * CHUNK < p.in_features; part++) {
        sum += scratch[part * elements + element];
    }
    y[element] = sum + b[element % p.out_features];
}

// dx[n, i] = sum_o dy[n, o] * w[o, i]
@compute @workgroup_size(TILE, TILE)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) own: vec3<u32>) {
    let n = group.y * TILE + own.y;
    let i = group.x * TILE + own.x;
    var sum = 0.0;
    for (var o = 0u; o < p.out_features; o += TILE) {
        staged_rows[own.x * PITCH + own.y] = load_dy_feature(n, o + own.x);
        staged_columns[own.y * PITCH + own.x] = load_w_feature(o + own.y, i);
        sum += staged_sum(own.y, own.x);
    }
    if (n < p.batch && i < p.in_features) { dx[n * p.in_features + i] = sum; }
}

// dw[o, i] = sum_n dy[n, o] * x[n, i]
@compute @workgroup_size(TILE, TILE)
fn backward_w(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) own: vec3<u32>) {
    let o = group.y * TILE + own.y;
    let i = group.x * TILE + own.x;
    var sum = 0.0;
    for (var n = 0u; n < p.batch; n += TILE) {
        staged_rows[own.y * PITCH + own.x] = load_dy_feature(n + own.y, group.y * TILE + own.x);
        staged_columns[own.y * PITCH + own.x] = load_x_feature(n + own.y, i);
        sum += staged_sum(own.y, own.x);
    }
    if (o < p.out_features && i < p.in_features) { dw[o * p.in_features + i] = sum; }
}

// db[o] = sum_n dy[n, o]. A group owns 16 elements, and 16 threads add up a share of each.
@compute @workgroup_size(TILE, TILE)
fn backward_b(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) own: vec3<u32>) {
    let o = group.x * TILE + own.x;
    var share = 0.0;
    for (var n = own.y; n < p.batch; n += TILE) {
        share += load_dy_feature(n, o);
    }
    staged_rows[own.y * PITCH + own.x] = share;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < TILE; i++) {
        sum += staged_rows[i * PITCH + own.x];
    }
    if (own.y == 0u && o < p.out_features) { db[o] = sum; }
}
