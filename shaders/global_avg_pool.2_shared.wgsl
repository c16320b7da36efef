// global_avg_pool, rung 2: the threads of a group share a plane
//
// Shapes      x, dx [batch, channels, area]; y, dy [batch, channels]
// One thread  backward_x: owns four elements of dx, 256 apart
// Workgroup   forward: 256 threads own one element of y. Each adds up every 256th value of the plane
// Reads       of buffers as in the plain file; of workgroup memory 16 values a thread at most
// Cost        1 KiB of workgroup memory, nine barriers
//
// Improves on rung 1, where neighbouring threads read values that are a plane apart, so that each load fetches a sector for one
// value, and a network's 256 maps keep only 256 threads of a picture busy. Here neighbouring threads read neighbouring values.
// backward_x divides by a constant of the compiled shader, and has four stores under way. What limits it now is memory. The
// default, but for planes of fewer than 32 values. The whole ladder: docs/ladder.md

struct Params {
    batch: u32,
    channels: u32,
    area: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

override area: u32;

var<workgroup> shares: array<f32, 256>;

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

// The sum of the shares of a group's threads, for all of them. Half of the threads add the other half's sums to theirs until one
// sum is left, always in the same order. The last barrier keeps fast threads from storing the next share before slow ones
// have read the sum.
fn sum_of_group(share: f32, thread: u32) -> f32 {
    shares[thread] = share;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if (thread < half) { shares[thread] += shares[thread + half]; }
        workgroupBarrier();
    }
    let sum = shares[0];
    workgroupBarrier();
    return sum;
}

// y[n, c] = sum_i x[n, c, i] / area
@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let plane = group.y * groups.x + group.x;
    if (plane >= p.batch * p.channels) { return; }
    var share = 0.0;
    for (var i = thread; i < area; i += 256u) { share += x[plane * area + i]; }
    let sum = sum_of_group(share, thread);
    if (thread == 0u) { y[plane] = sum / f32(area); }
}

// dx[n, c, i] = dy[n, c] / area
@compute @workgroup_size(256)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    let len = p.batch * p.channels * area;
    if (i.x >= len) { return; }
    let plane = those_there(i, len) / area;
    let result = vec4(dy[plane.x], dy[plane.y], dy[plane.z], dy[plane.w]) / f32(area);
    if (i.x < len) { dx[i.x] = result.x; }
    if (i.y < len) { dx[i.y] = result.y; }
    if (i.z < len) { dx[i.z] = result.z; }
    if (i.w < len) { dx[i.w] = result.w; }
}
