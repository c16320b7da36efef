// softmax_cross_entropy: the loss of logits x against class indices, and the number of right answers
//
//   loss = sum_n (ln(sum_k exp(x[n, k] - max)) + max - x[n, label]) / whole_batch
//   hits = how many images have their first largest logit at their label
//
// Shapes      x, dx [batch, classes], labels [batch]; loss, hits, dloss [1]
// One thread  forward: first one thread for each image, then one that adds their losses up, in order;
//             backward_x: the classes of one image
// Reads       forward 2 * classes for each image, backward_x 3 * classes;  writes forward 2 for each image and 2,
//             backward_x classes for each image
// Cost        next to nothing in a training step
//
// whole_batch is the size of the batch before it was split into micro-batches. All divide by it, so that their losses
// and gradients simply add up.

struct Params {
    batch: u32,
    classes: u32,
    whole_batch: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> hits: array<u32>;
@group(0) @binding(5) var<storage, read> dloss: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
// For each image its loss, and then for each whether it is right.
@group(0) @binding(7) var<storage, read_write> scratch: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Where the first largest of an image's logits is.
fn largest(first: u32) -> u32 {
    var best = first;
    for (var i = first; i < first + p.classes; i++) {
        if (x[i] > x[best]) { best = i; }
    }
    return best;
}

// ln(1 + e) for e >= 0. Where e is small, log(1.0 + e) loses digits: there it is the series of binary_cross_entropy.wgsl.
// With s = e / (2 + e), 1 + e = (1 + s) / (1 - s), so ln(1 + e) = 2 * artanh(s) = 2 * (s + s^3/3 + s^5/5 + ...).
fn ln_1p(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let q = s * s;
    let series = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0
        + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0))))))));
    return select(series, log(1.0 + e), e > 1.0);
}

// The term of the largest logit is exp(0) = 1, the 1 of ln(1 + rest): what is left has no sum that cancels.
@compute @workgroup_size(256)
fn forward_images(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let n = flat_index(id, groups);
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    let best = largest(first);
    var rest = 0.0;
    for (var i = first; i < first + p.classes; i++) {
        if (i != best) { rest += exp(x[i] - x[best]); }
    }
    let label = first + labels[n];
    scratch[n] = ln_1p(rest) + (x[best] - x[label]);
    // An image with a NaN among its logits is not right, whatever is largest.
    scratch[p.batch + n] = select(0.0, 1.0, best == label && rest >= 0.0);
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    if (flat_index(id, groups) != 0u) { return; }
    var sum = 0.0;
    var right = 0u;
    for (var n = 0u; n < p.batch; n++) {
        sum += scratch[n];
        right += u32(scratch[p.batch + n]);
    }
    loss[0] = sum / f32(p.whole_batch);
    hits[0] = right;
}

// d/dx[k] (ln(sum_j exp(x[j])) - x[label]) = softmax(x)[k] - (k == label).
// At the label it is computed as minus the sum of the others: where the softmax is close to 1, subtracting 1 would lose
// digits.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let n = flat_index(id, groups);
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    let label = first + labels[n];
    let top = x[largest(first)];
    var others = 0.0;
    for (var i = first; i < first + p.classes; i++) {
        if (i != label) { others += exp(x[i] - top); }
    }
    let scale = dloss[0] / ((others + exp(x[label] - top)) * f32(p.whole_batch));
    for (var i = first; i < first + p.classes; i++) {
        dx[i] = select(exp(x[i] - top), -others, i == label) * scale;
    }
}
