// Exercise 1: Write relu
//
// Write the body of forward: y is x where x is above 0, and 0 elsewhere. A thread owns one element, and i is its number.
// What is no number (NaN) has to stay NaN: a trial has one.
//
// Hint: select(a, b, condition) is b where the condition holds, else a. max(x, 0) may turn a NaN into 0.
//
// exercise: relu.forward 1_plain

struct Params {
    len: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Number of this thread in the whole grid, which has two dimensions.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    // Your line.
}
