// adam, rung 2: a thread owns four elements, and asks for all of them before it waits for the first
//
// Shapes      gradient, parameter, m and v hold p.len values; non_finite and overflow are one flag, factor is one value
// One thread  owns four elements, 256 apart
// Reads       16;  writes 12
// Cost        28 bytes moved per parameter: the time is that of moving them. Any length, as in relu's rung 2
//
// Improves on rung 1 as relu's rung 2 does. The default on GPUs. The whole ladder: docs/ladder.md

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

// Four elements from `first` on, 256 apart: neighbouring threads own neighbouring elements.
fn four_apart(first: u32) -> vec4<u32> {
    return vec4(first, first + 256u, first + 512u, first + 768u);
}

// Those of the four elements that there are; in place of one that is missing the first, which this thread owns too.
fn those_there(i: vec4<u32>, len: u32) -> vec4<u32> {
    return select(vec4(i.x), i, i < vec4(len));
}

// The first of this thread's elements. A workgroup owns 1024 of them.
fn first_of_four(group: vec3<u32>, groups: vec3<u32>, thread: u32) -> u32 {
    return (group.y * groups.x + group.x) * 1024u + thread;
}

// Tested on the bits: a shader compiler may assume that there are no infinities and no NaNs.
fn is_finite(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u;
}

// The update of elements i from their gradients g, as in the plain file; `at` says where to read.
fn update_four(i: vec4<u32>, at: vec4<u32>, g: vec4<f32>) {
    let old_m = vec4(m[at.x], m[at.y], m[at.z], m[at.w]);
    let old_v = vec4(v[at.x], v[at.y], v[at.z], v[at.w]);
    let old = vec4(parameter[at.x], parameter[at.y], parameter[at.z], parameter[at.w]);
    let new_m = old_m + (g - old_m) * p.one_minus_beta1;
    let new_v = old_v + (g * g - old_v) * p.one_minus_beta2;
    let updated = old * p.kept - p.step_size * new_m / (sqrt(new_v) + p.epsilon);
    if (i.x < p.len) { store_update(i.x, updated.x, new_m.x, new_v.x); }
    if (i.y < p.len) { store_update(i.y, updated.y, new_m.y, new_v.y); }
    if (i.z < p.len) { store_update(i.z, updated.z, new_m.z, new_v.z); }
    if (i.w < p.len) { store_update(i.w, updated.w, new_m.w, new_v.w); }
}

fn store_update(i: u32, updated: f32, new_m: f32, new_v: f32) {
    m[i] = new_m;
    v[i] = new_v;
    parameter[i] = updated;
}

// A gradient that is infinite or NaN sets the flag non_finite: the run then stops, and says in which step.
@compute @workgroup_size(256)
fn step(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    if (i.x >= p.len) { return; }
    let at = those_there(i, p.len);
    let g = vec4(gradient[at.x], gradient[at.y], gradient[at.z], gradient[at.w]);
    if (!(is_finite(g.x) && is_finite(g.y) && is_finite(g.z) && is_finite(g.w))) { atomicMax(&non_finite, 1u); }
    update_four(i, at, g);
}

// A step whose gradients overflowed is skipped as a whole: parameters and moments stay as they are.
@compute @workgroup_size(256)
fn scaled_step(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    if (i.x >= p.len || overflow != 0u) { return; }
    let at = those_there(i, p.len);
    update_four(i, at, vec4(gradient[at.x], gradient[at.y], gradient[at.z], gradient[at.w]) * factor);
}
