// dropout: y = x * scale where a random mask keeps the element, else 0;  scale = 1 / (1 - rate)
//
// Shapes      every buffer holds p.len values
// One thread  owns one element
// Reads       1;  writes 1
// Cost        about 30 integer operations for the mask; the time is that of moving the bytes
//
// The mask is not stored. It is a hash of (seed, step, layer, position in the whole batch), so the backward pass computes
// the same mask again, and it does not depend on how a batch is split.

struct Params {
    len: u32,
    first: u32,
    seed: u32,
    step: u32,
    layer: u32,
    rate: f32,
    scale: f32,
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

// A hash of four words. pcg4d: Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020.
fn pcg4d(seed: vec4<u32>) -> vec4<u32> {
    var v = seed * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4(16u);
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}

// A uniform random number in [0, 1). It has 24 bits, which an f32 holds exactly: none rounds up to 1.
fn uniform_random(seed: u32, step: u32, layer: u32, position: u32) -> f32 {
    return f32(pcg4d(vec4(position, layer, step, seed)).x >> 8u) * (1.0 / 16777216.0);
}

// Whether the mask keeps element i. p.first is the position of element 0 in the whole batch.
fn keeps(i: u32) -> bool {
    return uniform_random(p.seed, p.step, p.layer, p.first + i) >= p.rate;
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    y[i] = select(0.0, x[i] * p.scale, keeps(i));
}

// y = mask * scale * x, so dx = mask * scale * dy: what forward does, to dy.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    dx[i] = select(0.0, dy[i] * p.scale, keeps(i));
}
