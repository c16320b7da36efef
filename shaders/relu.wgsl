// relu: y = max(x, 0), with NaN passed on.
//
// Shapes      every buffer holds p.len values
// One thread  owns one element
// Reads       forward 1, backward_x 2;  writes 1
// Cost        no arithmetic to speak of: the time is that of moving the bytes

struct Params {
    len: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// Position of this thread in the whole grid. A grid is two-dimensional because one dimension ends at
// 65,535 groups, which is 16.7 million elements.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// A choice and not max(x, 0), which would turn NaN into 0 and hide that a run diverged.
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    y[i] = select(x[i], 0.0, x[i] <= 0.0);
}

// The slope of y = max(x, 0) is 1 where x > 0, which is where y > 0, and 0 where x < 0. At the kink
// it is taken as 0. So dx = dy where y > 0: y is kept for the next layer anyway, x need not be.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    dx[i] = select(0.0, dy[i], y[i] > 0.0);
}
