// sigmoid: y = 1 / (1 + exp(-x))
//
// Shapes      every buffer holds p.len values
// One thread  owns one element
// Reads       forward 2, which is x twice, backward_x 3, which is y twice;  writes 1
// Cost        one exp per element; the time is that of moving the bytes

struct Params {
    len: u32,
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

// exp(-x) overflows where x is far below 0. e = exp(-|x|) never does: y = 1 / (1 + e) for x >= 0, and e / (1 + e) for
// x < 0.
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    let e = exp(-abs(x[i]));
    y[i] = select(1.0, e, x[i] < 0.0) / (1.0 + e);
}

// y = 1 / (1 + e^-x), so dy/dx = e^-x / (1 + e^-x)^2 = y * (1 - y).
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    dx[i] = dy[i] * y[i] * (1.0 - y[i]);
}
