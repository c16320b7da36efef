// binary_cross_entropy: the loss of logits x against labels 0 or 1, and the number of right answers
//
//   loss = sum_n weight * (max(x, 0) - x * target + ln(1 + exp(-|x|))) / whole_batch, with the weight of the label's class
//   target = the label, but for half of p.smoothing
//   hits = how many x > 0 agree with label = 1
//
// Shapes      x, labels, dx [batch]; weights [2], of the classes; loss, hits, dloss [1]
// One thread  forward: one thread computes the whole sum, in order (a batch is some tens of numbers);
//             backward_x: one element of dx
// Reads       forward 3 * batch, backward_x 4;  writes forward 2, backward_x 1
// Cost        next to nothing in a training step
//
// whole_batch is the size of the batch before it was split into micro-batches. All divide by it, so that their losses
// and gradients simply add up.

struct Params {
    batch: u32,
    whole_batch: u32,
    smoothing: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> hits: array<u32>;
@group(0) @binding(5) var<storage, read> dloss: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<storage, read> weights: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// ln(1 + e) for e in [0, 1]. log(1.0 + e) loses digits where e is tiny; this is exact to a few units in the last place.
// With s = e / (2 + e), which is at most 1/3, 1 + e = (1 + s) / (1 - s). So
// ln(1 + e) = 2 * artanh(s) = 2 * (s + s^3/3 + s^5/5 + ...); the first term left out, s^17/17, is below 1e-8 of the sum.
fn ln_1p(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let q = s * s;
    return 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0
        + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0))))))));
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    if (flat_index(id, groups) != 0u) { return; }
    let half = p.smoothing / 2.0;
    var sum = 0.0;
    var right = 0u;
    for (var n = 0u; n < p.batch; n++) {
        let positive_part = select(x[n], 0.0, x[n] <= 0.0);
        let is_one = labels[n] == 1u;
        let label = select(positive_part, positive_part - x[n], is_one);
        let other = select(positive_part - x[n], positive_part, is_one);
        // Without smoothing, 0 times an infinite logit would be NaN.
        let linear = select((1.0 - half) * label + half * other, label, half == 0.0);
        sum += weights[labels[n]] * (linear + ln_1p(exp(-abs(x[n]))));
        right += u32((x[n] > 0.0) == (labels[n] == 1u));
    }
    loss[0] = sum / f32(p.whole_batch);
    hits[0] = right;
}

// d/dx (max(x, 0) - x * target + ln(1 + e^-|x|)) = sigmoid(x) - target.
// For label 1 it is computed as -sigmoid(-x): where sigmoid(x) is close to 1, subtracting 1 would lose digits.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let n = flat_index(id, groups);
    if (n >= p.batch) { return; }
    let is_one = labels[n] == 1u;
    let z = select(x[n], -x[n], is_one);
    let e = exp(-abs(z));
    let sigmoid = select(1.0, e, z < 0.0) / (1.0 + e) - p.smoothing / 2.0;
    dx[n] = dloss[0] * weights[labels[n]] * select(sigmoid, -sigmoid, is_one) / f32(p.whole_batch);
}
