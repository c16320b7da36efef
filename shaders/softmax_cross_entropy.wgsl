// softmax_cross_entropy: the loss of logits x against class indices, and the number of right answers
//
//   loss = sum_n weights[label] * (ln(sum_c exp(x[n, c])) - sum_c target[n, c] * x[n, c]) / whole_batch
//          target = 1 at the label, but for p.smoothing, which is shared out evenly among all classes
//   hits = of how many rows the largest logit, the first of equal ones, is at the label; a row with a NaN is none
//
// Shapes      x, dx [batch, classes]; labels [batch], each below classes; weights [classes]; loss, hits, dloss [1]; scratch [2, batch]
// One thread  forward_partial: the loss and the hit of one row; forward: one thread adds them up, in order;
//             backward_x: one row of dx
// Reads       forward 2 values for each logit, backward_x 3;  writes forward 2, backward_x 1 for each logit
// Cost        one or two exp for each logit: next to nothing in a training step. Rung 2 is faster for many classes
//
// whole_batch is the size of the batch before it was split into micro-batches. All divide by it, so that their losses
// and gradients simply add up.

struct Params {
    batch: u32,
    classes: u32,
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
@group(0) @binding(7) var<storage, read_write> scratch: array<f32>;
@group(0) @binding(8) var<storage, read> weights: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Tested on the bits: a shader compiler may assume that there are no NaNs, and drop `v != v`.
fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
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

// ln(1 + rest) for any rest that is not below 0.
fn ln_1p_of_any(rest: f32) -> f32 {
    return select(log(1.0 + rest), ln_1p(rest), rest <= 1.0);
}

// Whether v comes before `best` as a row's largest: larger, or the first NaN.
fn beats(v: f32, best: f32) -> bool {
    return v > best || (is_nan(v) && !is_nan(best));
}

// What is added to a row's ln(1 + rest): the label's distance from the largest logit and, with smoothing, a share of the sum of
// all distances. Without, 0 times an infinite logit would be NaN.
fn linear_part(at_label: f32, sum_of_all: f32) -> f32 {
    let smoothed = (1.0 - p.smoothing) * at_label + p.smoothing / f32(p.classes) * sum_of_all;
    return select(smoothed, at_label, p.smoothing == 0.0);
}

// What softmax(x)_c - [c = label] becomes with smoothing.
fn smoothed(slope: f32, is_label: bool) -> f32 {
    return slope + (select(0.0, p.smoothing, is_label) - p.smoothing / f32(p.classes));
}

// With m the largest logit and `rest` the sum of exp(x_c - m) over all others, the row's loss is
// ln(exp(m) * (1 + rest)) - x_label = ln(1 + rest) + (m - x_label): nothing overflows, and two terms that are not negative do not
// cancel.
@compute @workgroup_size(256)
fn forward_partial(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let n = flat_index(id, groups);
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    var best = 0u;
    for (var c = 1u; c < p.classes; c++) {
        if (beats(x[first + c], x[first + best])) { best = c; }
    }
    let largest = x[first + best];
    var rest = 0.0;
    var below = 0.0;
    for (var c = 0u; c < p.classes; c++) {
        if (c != best) {
            rest += exp(x[first + c] - largest);
            below += largest - x[first + c];
        }
    }
    scratch[n] = weights[labels[n]] * (ln_1p_of_any(rest) + linear_part(largest - x[first + labels[n]], below));
    scratch[p.batch + n] = select(0.0, 1.0, best == labels[n] && !is_nan(largest));
}

// The sums over the rows. A hit is a 1.
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

// d/dx_c (ln(sum_k exp(x_k)) - x_label) = softmax(x)_c - [c = label], times the weight of the label's class.
// At the label it is computed as -others / (others + e), where e is the label's own power and `others` the sum of all others:
// where softmax(x) is close to 1, subtracting 1 would lose digits.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let n = flat_index(id, groups);
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    var largest = x[first];
    for (var c = 1u; c < p.classes; c++) {
        if (beats(x[first + c], largest)) { largest = x[first + c]; }
    }
    var others = 0.0;
    for (var c = 0u; c < p.classes; c++) {
        if (c != labels[n]) { others += exp(x[first + c] - largest); }
    }
    let sum = others + exp(x[first + labels[n]] - largest);
    for (var c = 0u; c < p.classes; c++) {
        let slope = select(exp(x[first + c] - largest), -others, c == labels[n]) / sum;
        dx[first + c] = dloss[0] * weights[labels[n]] * smoothed(slope, c == labels[n]) / f32(p.whole_batch);
    }
}
