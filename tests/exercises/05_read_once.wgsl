// Exercise 5, a solution: Read it once
//
// exercise: sigmoid.backward_x 1_plain
// goal: accesses at most 0.8 of the original

struct Params {
    len: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// Number of this thread in the whole grid, which has two dimensions.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// y = 1 / (1 + e^-x), so dy/dx = e^-x / (1 + e^-x)^2 = y * (1 - y).
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    let v = y[i];
    dx[i] = dy[i] * v * (1.0 - v);
}
