// Exercise 8, a solution: The second barrier
//
// exercise: dense.backward_w 2_shared

struct Params {
    batch: u32,
    in_features: u32,
    out_features: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> dw: array<f32>;

const TILE = 16u;
// From one staged term to the next.
const PITCH = 17u;

// 16 terms of the sum: of the tile's rows, and of its columns. Term k of row r is at k * PITCH + r.
var<workgroup> staged_rows: array<f32, TILE * PITCH>;
var<workgroup> staged_columns: array<f32, TILE * PITCH>;

// x[n, i], or 0 outside.
fn load_x(n: u32, i: u32) -> f32 {
    if (n >= p.batch || i >= p.in_features) { return 0.0; }
    return x[n * p.in_features + i];
}

// dy[n, o], or 0 outside.
fn load_dy(n: u32, o: u32) -> f32 {
    if (n >= p.batch || o >= p.out_features) { return 0.0; }
    return dy[n * p.out_features + o];
}

// dw[o, i] = sum_n dy[n, o] * x[n, i]
@compute @workgroup_size(TILE, TILE)
fn backward_w(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) own: vec3<u32>) {
    let o = group.y * TILE + own.y;
    let i = group.x * TILE + own.x;
    var sum = 0.0;
    for (var n = 0u; n < p.batch; n += TILE) {
        staged_rows[own.y * PITCH + own.x] = load_dy(n + own.y, group.y * TILE + own.x);
        staged_columns[own.y * PITCH + own.x] = load_x(n + own.y, i);
        workgroupBarrier();
        for (var k = 0u; k < TILE; k++) {
            sum += staged_rows[k * PITCH + own.y] * staged_columns[k * PITCH + own.x];
        }
        workgroupBarrier();
    }
    if (o < p.out_features && i < p.in_features) { dw[o * p.in_features + i] = sum; }
}
