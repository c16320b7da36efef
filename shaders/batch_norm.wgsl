// batch_norm: each channel is shifted and scaled to a mean of 0 and a variance of 1, then by what was learned
//
//   y = gamma * (x - mean) / sqrt(variance + epsilon) + beta
//
// Shapes      x, y, dy, dx [batch, channels, area]; all others [channels]; scratch [2, parts, channels], where a part is CHUNK
//             of a channel's batch * area values, counted over all images
// One thread  statistics and backward_gamma_beta: first a part of a channel, then a channel; update: a channel;
//             forward and backward_x: one element
// Reads       statistics 2 for each x, backward_gamma_beta 2, forward 5, backward_x 7;  writes 1 for each element of an output
// Cost        the time is that of moving the bytes. Rung 2 is faster: docs/ladder.md
//
// In training mean and variance are those of the batch, which the statistics kernel finds. In use they are the moving ones, which
// the update kernel moves a little with every batch of the training.

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

// Values of a channel that one thread adds up.
override CHUNK: u32;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Where value i of a channel is, counted over all images.
fn value_of_channel(c: u32, i: u32) -> u32 {
    return (i / p.area * p.channels + c) * p.area + i % p.area;
}

// mean[c] = sum_i x_i / count, variance[c] = sum_i (x_i - mean[c])^2 / count
//
// The mean of the squares minus the square of the mean would need one way over x less. But where the mean is large it is the
// small difference of two large numbers: at a mean of 1000 and a variance of 1 hardly a digit of it is right. So a thread goes over
// its part twice: first for the part's mean, then for the squares of what differs from that. The second time the part is in the
// cache. All x are taken less the channel's first value, so that a mean far from 0 takes no digits from the sums either.
@compute @workgroup_size(256)
fn statistics_partial(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = flat_index(id, groups);
    let values = p.batch * p.area;
    let c = index % p.channels;
    let start = index / p.channels * CHUNK;
    if (start >= values) { return; }
    let end = min(start + CHUNK, values);
    let first = x[c * p.area];
    var sum = 0.0;
    for (var i = start; i < end; i++) { sum += x[value_of_channel(c, i)] - first; }
    let part_mean = sum / f32(end - start);
    var squares = 0.0;
    for (var i = start; i < end; i++) {
        let deviation = x[value_of_channel(c, i)] - first - part_mean;
        squares += deviation * deviation;
    }
    let parts = (values + CHUNK - 1u) / CHUNK;
    scratch[index] = part_mean;
    scratch[parts * p.channels + index] = squares;
}

// The second pass merges the parts, always in the same order. Around the mean of all, the squares of a part of n values add up to
// those around its own mean and n times the square of what its mean differs by (Chan, Golub and LeVeque, "Updating formulae and a
// pairwise algorithm for computing sample variances", 1979).
@compute @workgroup_size(256)
fn statistics(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let c = flat_index(id, groups);
    if (c >= p.channels) { return; }
    let values = p.batch * p.area;
    let parts = (values + CHUNK - 1u) / CHUNK;
    var sum = 0.0;
    for (var part = 0u; part < parts; part++) {
        sum += f32(min(CHUNK, values - part * CHUNK)) * scratch[part * p.channels + c];
    }
    let shifted_mean = sum / f32(values);
    var squares = 0.0;
    for (var part = 0u; part < parts; part++) {
        let deviation = scratch[part * p.channels + c] - shifted_mean;
        squares += scratch[(parts + part) * p.channels + c]
            + f32(min(CHUNK, values - part * CHUNK)) * deviation * deviation;
    }
    mean[c] = x[c * p.area] + shifted_mean;
    variance[c] = squares / f32(values);
}

// What is kept of the batches for later use: momentum of what was there, the rest of the batch's.
@compute @workgroup_size(256)
fn update(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let c = flat_index(id, groups);
    if (c >= p.channels) { return; }
    moving_mean[c] = p.momentum * moving_mean[c] + p.one_minus_momentum * mean[c];
    moving_variance[c] = p.momentum * moving_variance[c] + p.one_minus_momentum * variance[c];
}

// y = gamma * (x - mean) / sqrt(variance + epsilon) + beta. The difference comes first: gamma * x and gamma * mean may be large
// and alike.
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.batch * p.channels * p.area) { return; }
    let c = element / p.area % p.channels;
    let scale = gamma[c] / sqrt(variance[c] + p.epsilon);
    y[element] = (x[element] - mean[c]) * scale + beta[c];
}

// gamma[c] enters every y of its channel with the factor normal = (x - mean) / sqrt(variance + epsilon), and beta[c] with 1. So
// dgamma[c] = sum_i dy_i * normal_i and dbeta[c] = sum_i dy_i, in two passes as above. The root, which is the same for all terms,
// is divided by in the second.
@compute @workgroup_size(256)
fn backward_gamma_beta_partial(@builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let index = flat_index(id, groups);
    let values = p.batch * p.area;
    let c = index % p.channels;
    let start = index / p.channels * CHUNK;
    if (start >= values) { return; }
    var products = 0.0;
    var sum = 0.0;
    for (var i = start; i < min(start + CHUNK, values); i++) {
        let at = value_of_channel(c, i);
        products += dy[at] * (x[at] - mean[c]);
        sum += dy[at];
    }
    let parts = (values + CHUNK - 1u) / CHUNK;
    scratch[index] = products;
    scratch[parts * p.channels + index] = sum;
}

@compute @workgroup_size(256)
fn backward_gamma_beta(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let c = flat_index(id, groups);
    if (c >= p.channels) { return; }
    let parts = (p.batch * p.area + CHUNK - 1u) / CHUNK;
    var products = 0.0;
    var sum = 0.0;
    for (var part = 0u; part < parts; part++) {
        products += scratch[part * p.channels + c];
        sum += scratch[(parts + part) * p.channels + c];
    }
    dgamma[c] = products / sqrt(variance[c] + p.epsilon);
    dbeta[c] = sum;
}

// With d = x - mean and r = 1 / sqrt(variance + epsilon), y = gamma * d * r + beta. An x_k moves y in three ways:
// itself, by gamma * r; the mean, by 1 / count, and so every y by -gamma * r / count;
// the variance, by 2 * d_k / count (the mean's part of that is 0, as all d add up to 0), and so r by -r^3 * d_k / count, and
// every y by -gamma * d * r^3 * d_k / count. Summed up with dy, and with normal = d * r:
// dx_k = gamma * r * (dy_k - (dbeta + normal_k * dgamma) / count).
// Where mean and variance are constants, only the first way is there: dgamma and dbeta are then given as 0.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.batch * p.channels * p.area) { return; }
    let c = element / p.area % p.channels;
    let inverse = 1.0 / sqrt(variance[c] + p.epsilon);
    let normal = (x[element] - mean[c]) * inverse;
    let moved = (dbeta[c] + normal * dgamma[c]) / f32(p.batch * p.area);
    dx[element] = gamma[c] * inverse * (dy[element] - moved);
}
