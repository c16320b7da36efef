// Exercise 16: Climb a rung
//
// Each thread reads both factors of every multiply-add from buffers. The 16 threads of a row read the same dy, and the 16
// of a column the same w. Stage tiles of both in workgroup memory, 32 terms at a time, so that a group loads each value
// once, and let a thread own four sums.
//
// Hint: All that you need was in exercises 7 to 15. Begin with 16 terms and one sum, and see what each step does to the
// counts.
//
// exercise: dense.backward_x 2_shared
// goal: accesses at most 1.02 of the original
// goal: sectors at most 1.02 of the original
// goal: shared at most 0.7 of the original
// goal: barriers at most 0.55 of the original

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
    for (var o = 0u; o < p.out_features; o++) {
        sum += load_dy(n, o) * load_w(o, i);
    }
    if (n < p.batch && i < p.in_features) { dx[n * p.in_features + i] = sum; }
}
