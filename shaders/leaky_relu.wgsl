// leaky_relu: y = x, or negative_slope * x below 0, with NaN passed on
//
// Shapes      every buffer holds p.len values
// One thread  owns one element
// Reads       forward 1, backward_x 2;  writes 1
// Cost        next to no arithmetic: the time is that of moving the bytes. Rung 2 is faster: docs/ladder.md
//
// A unit whose x is below 0 for every picture gets no gradient through relu, and stays as it is for good. Through a slope it
// goes on learning.

struct Params {
    len: u32,
    negative_slope: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// As in relu, a choice in the place of max(x, negative_slope * x), which may lose a NaN.
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    y[i] = select(x[i], p.negative_slope * x[i], x[i] <= 0.0);
}

// The slope is 1 where x > 0, which is where y > 0 as negative_slope is not below 0, and negative_slope where x < 0. At x = 0
// it is taken as negative_slope. y is read and not x, because y is kept for the next layer anyway.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    dx[i] = select(p.negative_slope * dy[i], dy[i], y[i] > 0.0);
}
