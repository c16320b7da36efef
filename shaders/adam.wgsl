// adam: one update of a parameter from its gradient g, as Keras 3 writes it
//
//   m += (g - m) * (1 - beta1)
//   v += (g * g - v) * (1 - beta2)
//   parameter = parameter * kept - step_size * m / (sqrt(v) + epsilon)     step_size = lr * sqrt(1 - beta2^t) / (1 - beta1^t)
//
// kept is 1, or 1 - lr * decay where the weight decays, decoupled from its gradient (AdamW).
//
// scaled_step multiplies the gradient by a factor first: 1 / scale in mixed precision, where it is that of a scaled loss; what
// clipping leaves of it; or both. It changes nothing if the overflow flag is set.
//
// Shapes      gradient, parameter, m and v hold p.len values; non_finite and overflow are one flag, factor is one value
// One thread  owns one element
// Reads       4;  writes 3
// Cost        28 bytes moved per parameter: the time is that of moving them. Rung 2 is faster: docs/ladder.md

struct Params {
    len: u32,
    step_size: f32,
    one_minus_beta1: f32,
    one_minus_beta2: f32,
    epsilon: f32,
    kept: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<f32>;
@group(0) @binding(4) var<storage, read_write> v: array<f32>;
@group(0) @binding(5) var<storage, read_write> non_finite: atomic<u32>;
@group(0) @binding(6) var<storage, read> factor: f32;
@group(0) @binding(7) var<storage, read> overflow: u32;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Tested on the bits: a shader compiler may assume that there are no infinities and no NaNs.
fn is_finite(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u;
}

// The update of element i from its gradient g.
fn update(i: u32, g: f32) {
    let new_m = m[i] + (g - m[i]) * p.one_minus_beta1;
    let new_v = v[i] + (g * g - v[i]) * p.one_minus_beta2;
    m[i] = new_m;
    v[i] = new_v;
    parameter[i] = parameter[i] * p.kept - p.step_size * new_m / (sqrt(new_v) + p.epsilon);
}

// A gradient that is infinite or NaN sets the flag non_finite: the run then stops, and says in which step.
@compute @workgroup_size(256)
fn step(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    let g = gradient[i];
    if (!is_finite(g)) { atomicMax(&non_finite, 1u); }
    update(i, g);
}

// A step whose gradients overflowed is skipped as a whole: parameters and moments stay as they are.
@compute @workgroup_size(256)
fn scaled_step(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len || overflow != 0u) { return; }
    let g = gradient[i] * factor;
    update(i, g);
}
