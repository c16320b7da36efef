// Exercise 15, a solution: Four sums for a thread
//
// exercise: dense.forward 2_shared
// goal: shared at most 0.7 of the original
// goal: accesses at most 1.02 of the original

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
@group(0) @binding(9) var<storage, read_write> scratch: array<f32>;

// Terms that a group of the first pass adds up: a multiple of 32.
override CHUNK: u32;

const TILE = 16u;
const PITCH = 17u;

// 16 terms of the sum: of the tile's rows, and of its columns. Term k of row r is at k * PITCH + r.
var<workgroup> staged_rows: array<f32, TILE * PITCH>;
var<workgroup> staged_columns: array<f32, TILE * PITCH>;

// Number of this thread in the whole grid, which has two dimensions.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// x[n, i], or 0 outside.
fn load_x(n: u32, i: u32) -> f32 {
    if (n >= p.batch || i >= p.in_features) { return 0.0; }
    return x[n * p.in_features + i];
}

// w[o, i], or 0 outside.
fn load_w(o: u32, i: u32) -> f32 {
    if (o >= p.out_features || i >= p.in_features) { return 0.0; }
    return w[o * p.in_features + i];
}

// y[n, o] = b[o] + sum_i x[n, i] * w[o, i], in two passes. The first adds up CHUNK terms each.
@compute @workgroup_size(TILE, 4)
fn forward_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) own: vec3<u32>) {
    let first_n = group.y * TILE;
    let first_o = group.x * TILE;
    // Of a column, four rows apart.
    var sums = vec4<f32>();
    for (var i = group.z * CHUNK; i < min((group.z + 1u) * CHUNK, p.in_features); i += TILE) {
        for (var r = own.y; r < TILE; r += 4u) {
            staged_rows[own.x * PITCH + r] = load_x(first_n + r, i + own.x);
            staged_columns[own.x * PITCH + r] = load_w(first_o + r, i + own.x);
        }
        workgroupBarrier();
        for (var k = 0u; k < TILE; k++) {
            let at = k * PITCH + own.y;
            let column = staged_columns[k * PITCH + own.x];
            sums.x += staged_rows[at] * column;
            sums.y += staged_rows[at + 4u] * column;
            sums.z += staged_rows[at + 8u] * column;
            sums.w += staged_rows[at + 12u] * column;
        }
        workgroupBarrier();
    }
    let o = first_o + own.x;
    for (var j = 0u; j < 4u; j++) {
        let n = first_n + own.y + 4u * j;
        if (n < p.batch && o < p.out_features) { scratch[(group.z * p.batch + n) * p.out_features + o] = sums[j]; }
    }
}

// The second pass adds up the parts, and the bias.
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
