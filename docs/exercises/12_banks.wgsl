// Exercise 12: Two columns, one bank
//
// Workgroup memory has 32 banks, and the word's number modulo 32 says in which one it lies. Here 16 threads read term k of
// 16 columns at a time, and these words lie in two banks alone: the threads wait for each other. Let them lie in 16 banks,
// and change as little as you can.
//
// Hint: Write down the word's number modulo 32 for own.x = 0, 1, 2, 3. What if the columns were not 16 words apart?
//
// exercise: dense.backward_x 2_shared
// goal: conflicts at most 1.1

struct Params {
    batch: u32,
    in_features: u32,
    out_features: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

const TILE = 16u;
// From one row of staged_rows, or column of staged_columns, to the next: each has its 16 terms side by side.
const PITCH = 16u;

var<workgroup> staged_rows: array<f32, TILE * PITCH>;
var<workgroup> staged_columns: array<f32, TILE * PITCH>;

// w[o, i], or 0 outside.
fn load_w(o: u32, i: u32) -> f32 {
    if (o >= p.out_features || i >= p.in_features) { return 0.0; }
    return w[o * p.in_features + i];
}

// dy[n, o], or 0 outside.
fn load_dy(n: u32, o: u32) -> f32 {
    if (n >= p.batch || o >= p.out_features) { return 0.0; }
    return dy[n * p.out_features + o];
}

// dx[n, i] = sum_o dy[n, o] * w[o, i]
@compute @workgroup_size(TILE, TILE)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) own: vec3<u32>) {
    let n = group.y * TILE + own.y;
    let i = group.x * TILE + own.x;
    var sum = 0.0;
    for (var o = 0u; o < p.out_features; o += TILE) {
        staged_rows[own.y * PITCH + own.x] = load_dy(n, o + own.x);
        staged_columns[own.x * PITCH + own.y] = load_w(o + own.y, i);
        workgroupBarrier();
        for (var k = 0u; k < TILE; k++) {
            sum += staged_rows[own.y * PITCH + k] * staged_columns[own.x * PITCH + k];
        }
        workgroupBarrier();
    }
    if (n < p.batch && i < p.in_features) { dx[n * p.in_features + i] = sum; }
}
