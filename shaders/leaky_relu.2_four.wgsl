// leaky_relu, rung 2: a thread owns four elements, and asks for all of them before it waits for the first
//
// Shapes      every buffer holds p.len values
// One thread  owns four elements, 256 apart
// Reads       forward 4, backward_x 8;  writes 4
// Cost        the time is that of moving the bytes. Any length, as in relu's rung 2
//
// Improves on rung 1 as relu's rung 2 does. The default on GPUs. The whole ladder: docs/ladder.md

struct Params {
    len: u32,
    negative_slope: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

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

// x, or negative_slope * x below 0, as in the plain file.
@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    if (i.x >= p.len) { return; }
    let at = those_there(i, p.len);
    let v = vec4(x[at.x], x[at.y], x[at.z], x[at.w]);
    let result = select(v, p.negative_slope * v, v <= vec4<f32>());
    if (i.x < p.len) { y[i.x] = result.x; }
    if (i.y < p.len) { y[i.y] = result.y; }
    if (i.z < p.len) { y[i.z] = result.z; }
    if (i.w < p.len) { y[i.w] = result.w; }
}

// dx = dy where y > 0, else negative_slope * dy.
@compute @workgroup_size(256)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    if (i.x >= p.len) { return; }
    let at = those_there(i, p.len);
    let gate = vec4(y[at.x], y[at.y], y[at.z], y[at.w]) > vec4<f32>();
    let v = vec4(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
    let result = select(p.negative_slope * v, v, gate);
    if (i.x < p.len) { dx[i.x] = result.x; }
    if (i.y < p.len) { dx[i.y] = result.y; }
    if (i.z < p.len) { dx[i.z] = result.z; }
    if (i.w < p.len) { dx[i.w] = result.w; }
}
