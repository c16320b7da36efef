// add: y = a + b, and y += a
//
// Shapes      every buffer holds p.len values
// One thread  owns one element
// Reads       2;  writes 1
// Cost        the time is that of moving the bytes. Rung 2 is faster: docs/ladder.md
//
// The gradient of a sum is dy for both terms: they share it, so add has no backward kernel.

struct Params {
    len: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    y[i] = a[i] + b[i];
}

// Adds up gradients: those of a tensor that was used twice, or those of two micro-batches.
@compute @workgroup_size(256)
fn accumulate(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    y[i] += a[i];
}
