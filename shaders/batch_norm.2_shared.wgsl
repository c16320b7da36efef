// batch_norm, rung 2: the threads of a group share a part of a channel, and what they add up
//
// Shapes      x, y, dy, dx [batch, channels, area]; all others [channels]; scratch [2, parts, channels], where a part is CHUNK
//             of a channel's batch * area values, counted over all images
// One thread  forward and backward_x: owns four elements, 256 apart, and asks for all of them before it waits for the first
// Workgroup   statistics and backward_gamma_beta: 256 threads own first a part of a channel, then a channel. Each adds up every
//             256th value
// Reads       of buffers as in the plain file; of workgroup memory 16 values a thread for each sum at most
// Cost        1 KiB of workgroup memory, nine barriers for each sum. One more shader to compile for each set of sizes
//
// Improves on rung 1, where neighbouring threads add up different channels: what they load lies a plane apart, so that each load
// fetches a sector for one value, and few channels keep few threads busy. Here neighbouring threads load neighbouring values, a
// channel has a group for every CHUNK values, and a division is one by a constant of the compiled shader. What limits it now is
// memory. The default on GPUs; for the sums of planes of fewer than 32 values rung 1 is, whose neighbours then are neighbours in
// memory. The whole ladder: docs/ladder.md

struct Params {
    batch: u32,
    channels: u32,
    area: u32,
    epsilon: f32,
    momentum: f32,
    one_minus_momentum: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read> beta: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read> dy: array<f32>;
@group(0) @binding(8) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(9) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(10) var<storage, read_write> dx: array<f32>;
@group(0) @binding(11) var<storage, read_write> moving_mean: array<f32>;
@group(0) @binding(12) var<storage, read_write> moving_variance: array<f32>;
@group(0) @binding(13) var<storage, read_write> scratch: array<f32>;

// Values of a channel that one group adds up.
override CHUNK: u32;

override channels: u32;
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

// Where value i of a channel is, counted over all images, by constants.
fn value_of_known_channel(c: u32, i: u32) -> u32 {
    return (i / area * channels + c) * area + i % area;
}

// The mean of part group.y of channel group.x, and the sum of the squares of what differs from that; why, the plain file says.
@compute @workgroup_size(256)
fn statistics_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let start = group.y * CHUNK;
    let end = min(start + CHUNK, p.batch * area);
    let first = x[group.x * area];
    var share = 0.0;
    for (var i = start + thread; i < end; i += 256u) { share += x[value_of_known_channel(group.x, i)] - first; }
    let part_mean = sum_of_group(share, thread) / f32(end - start);
    share = 0.0;
    for (var i = start + thread; i < end; i += 256u) {
        let deviation = x[value_of_known_channel(group.x, i)] - first - part_mean;
        share += deviation * deviation;
    }
    let squares = sum_of_group(share, thread);
    if (thread == 0u) {
        scratch[group.y * channels + group.x] = part_mean;
        scratch[(groups.y + group.y) * channels + group.x] = squares;
    }
}

// The second pass merges the parts of channel group.x, as in the plain file.
@compute @workgroup_size(256)
fn statistics(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let values = p.batch * area;
    let parts = (values + CHUNK - 1u) / CHUNK;
    var share = 0.0;
    for (var part = thread; part < parts; part += 256u) {
        share += f32(min(CHUNK, values - part * CHUNK)) * scratch[part * channels + group.x];
    }
    let shifted_mean = sum_of_group(share, thread) / f32(values);
    share = 0.0;
    for (var part = thread; part < parts; part += 256u) {
        let deviation = scratch[part * channels + group.x] - shifted_mean;
        share += scratch[(parts + part) * channels + group.x]
            + f32(min(CHUNK, values - part * CHUNK)) * deviation * deviation;
    }
    let squares = sum_of_group(share, thread);
    if (thread == 0u) {
        mean[group.x] = x[group.x * area] + shifted_mean;
        variance[group.x] = squares / f32(values);
    }
}

// y = gamma * (x - mean) / sqrt(variance + epsilon) + beta
@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    let len = p.batch * channels * area;
    if (i.x >= len) { return; }
    let at = those_there(i, len);
    let c = at / area % channels;
    let values = vec4(x[at.x], x[at.y], x[at.z], x[at.w]);
    let means = vec4(mean[c.x], mean[c.y], mean[c.z], mean[c.w]);
    let variances = vec4(variance[c.x], variance[c.y], variance[c.z], variance[c.w]);
    let gammas = vec4(gamma[c.x], gamma[c.y], gamma[c.z], gamma[c.w]);
    let betas = vec4(beta[c.x], beta[c.y], beta[c.z], beta[c.w]);
    let result = (values - means) * (gammas / sqrt(variances + p.epsilon)) + betas;
    if (i.x < len) { y[i.x] = result.x; }
    if (i.y < len) { y[i.y] = result.y; }
    if (i.z < len) { y[i.z] = result.z; }
    if (i.w < len) { y[i.w] = result.w; }
}

// dgamma[c] = sum_i dy_i * (x_i - mean[c]) / sqrt(variance[c] + epsilon), dbeta[c] = sum_i dy_i: first of part group.y.
@compute @workgroup_size(256)
fn backward_gamma_beta_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let start = group.y * CHUNK;
    let end = min(start + CHUNK, p.batch * area);
    let channel_mean = mean[group.x];
    var product_share = 0.0;
    var share = 0.0;
    for (var i = start + thread; i < end; i += 256u) {
        let at = value_of_known_channel(group.x, i);
        product_share += dy[at] * (x[at] - channel_mean);
        share += dy[at];
    }
    let products = sum_of_group(product_share, thread);
    let sum = sum_of_group(share, thread);
    if (thread == 0u) {
        scratch[group.y * channels + group.x] = products;
        scratch[(groups.y + group.y) * channels + group.x] = sum;
    }
}

@compute @workgroup_size(256)
fn backward_gamma_beta(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let parts = (p.batch * area + CHUNK - 1u) / CHUNK;
    var product_share = 0.0;
    var share = 0.0;
    for (var part = thread; part < parts; part += 256u) {
        product_share += scratch[part * channels + group.x];
        share += scratch[(parts + part) * channels + group.x];
    }
    let products = sum_of_group(product_share, thread);
    let sum = sum_of_group(share, thread);
    if (thread == 0u) {
        dgamma[group.x] = products / sqrt(variance[group.x] + p.epsilon);
        dbeta[group.x] = sum;
    }
}

// dx = gamma * r * (dy - (dbeta + normal * dgamma) / count), r = 1 / sqrt(variance + epsilon), normal = (x - mean) * r
@compute @workgroup_size(256)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    let len = p.batch * channels * area;
    if (i.x >= len) { return; }
    let at = those_there(i, len);
    let c = at / area % channels;
    let values = vec4(x[at.x], x[at.y], x[at.z], x[at.w]);
    let upstream = vec4(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
    let means = vec4(mean[c.x], mean[c.y], mean[c.z], mean[c.w]);
    let variances = vec4(variance[c.x], variance[c.y], variance[c.z], variance[c.w]);
    let gammas = vec4(gamma[c.x], gamma[c.y], gamma[c.z], gamma[c.w]);
    let dgammas = vec4(dgamma[c.x], dgamma[c.y], dgamma[c.z], dgamma[c.w]);
    let dbetas = vec4(dbeta[c.x], dbeta[c.y], dbeta[c.z], dbeta[c.w]);
    let inverse = 1.0 / sqrt(variances + p.epsilon);
    let moved = (dbetas + (values - means) * inverse * dgammas) / f32(p.batch * area);
    let result = gammas * inverse * (upstream - moved);
    if (i.x < len) { dx[i.x] = result.x; }
    if (i.y < len) { dx[i.y] = result.y; }
    if (i.z < len) { dx[i.z] = result.z; }
    if (i.w < len) { dx[i.w] = result.w; }
}
