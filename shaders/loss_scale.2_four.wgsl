// loss_scale, rung 2: a thread looks at four elements, and asks for all of them before it waits for the first
//
// Shapes      gradient holds p.len values; overflow is one value
// One thread  of detect owns four elements of the gradient, 256 apart
// Reads       4;  writes 1 where it finds something
// Cost        4 bytes read per parameter. Any length, as in relu's rung 2
//
// Improves on rung 1 as relu's rung 2 does. The default on GPUs. The whole ladder: docs/ladder.md

struct Params {
    len: u32,
    growth_interval: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> overflow: atomic<u32>;

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

// Sets the flag if the gradient is infinite or NaN somewhere.
@compute @workgroup_size(256)
fn detect(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    if (i.x >= p.len) { return; }
    let at = those_there(i, p.len);
    let g = vec4(gradient[at.x], gradient[at.y], gradient[at.z], gradient[at.w]);
    if (!(is_finite(g.x) && is_finite(g.y) && is_finite(g.z) && is_finite(g.w))) { atomicMax(&overflow, 1u); }
}
