// average, rung 2: a thread owns four elements, and asks for all of them before it waits for the first
//
// Shapes      value and average hold p.len values
// One thread  owns four elements, 256 apart
// Reads       8;  writes 4
// Cost        12 bytes moved per value: the time is that of moving them. Any length, as in relu's rung 2
//
// Improves on rung 1 as relu's rung 2 does. The default on GPUs. The whole ladder: docs/ladder.md

struct Params {
    len: u32,
    rate: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> value: array<f32>;
@group(0) @binding(2) var<storage, read_write> average: array<f32>;

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

@compute @workgroup_size(256)
fn step(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    if (i.x >= p.len) { return; }
    let at = those_there(i, p.len);
    let now = vec4(value[at.x], value[at.y], value[at.z], value[at.w]);
    let old = vec4(average[at.x], average[at.y], average[at.z], average[at.w]);
    let moved = old + (now - old) * p.rate;
    if (i.x < p.len) { average[i.x] = moved.x; }
    if (i.y < p.len) { average[i.y] = moved.y; }
    if (i.z < p.len) { average[i.z] = moved.z; }
    if (i.w < p.len) { average[i.w] = moved.w; }
}
