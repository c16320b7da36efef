// Exercise 11: Neighbours read neighbours
//
// Every element of dx is right. But which thread owns which one is chosen badly: neighbouring threads own elements of
// different images, which lie a row apart, so their stores touch many sectors, and so do their loads of dy. Give
// neighbouring threads neighbouring elements.
//
// Hint: Threads of a subgroup have consecutive numbers. Which of n and i should change from one to the next?
//
// exercise: dense.backward_x 1_plain
// goal: sectors at most 1.02 of the original

struct Params {
    batch: u32,
    in_features: u32,
    out_features: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

// Number of this thread in the whole grid, which has two dimensions.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// dx[n, i] = sum_o dy[n, o] * w[o, i]
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.batch * p.in_features) { return; }
    let n = element % p.batch;
    let i = element / p.batch;
    var sum = 0.0;
    for (var o = 0u; o < p.out_features; o++) {
        sum += dy[n * p.out_features + o] * w[o * p.in_features + i];
    }
    dx[n * p.in_features + i] = sum;
}
