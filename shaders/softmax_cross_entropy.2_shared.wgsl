// softmax_cross_entropy, rung 2: the threads of a group share a row
//
// Shapes      x, dx [batch, classes]; labels [batch], each below classes; weights [classes]; loss, hits, dloss [1]; scratch [2, batch]
// Workgroup   256 threads own one row: its loss and its hit, or its row of dx. Each owns every 256th of its logits
// Reads       of buffers as in the plain file; of workgroup memory 16 values a thread for each sum at most
// Cost        3 KiB of workgroup memory, nine barriers for each sum
//
// Improves on rung 1, where a batch of 32 rows keeps 32 threads busy, and neighbouring threads read values that are a row apart.
// What limits it now are the barriers. The default for 32 classes or more. The whole ladder: docs/ladder.md

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

var<workgroup> shares: array<f32, 256>;
// Each thread's largest logit, and where it is.
var<workgroup> best_logits: array<f32, 256>;
var<workgroup> best_classes: array<u32, 256>;

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

// Where the largest logit of a row is, for all threads: of equal ones the first. Threads without a logit take the row's first,
// which changes nothing.
fn best_of_row(first: u32, thread: u32) -> u32 {
    var best = select(0u, thread, thread < p.classes);
    for (var c = thread + 256u; c < p.classes; c += 256u) {
        if (beats(x[first + c], x[first + best])) { best = c; }
    }
    best_logits[thread] = x[first + best];
    best_classes[thread] = best;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if (thread < half) {
            let other = thread + half;
            let is_before = best_classes[other] < best_classes[thread]
                && !beats(best_logits[thread], best_logits[other]);
            if (is_before || beats(best_logits[other], best_logits[thread])) {
                best_logits[thread] = best_logits[other];
                best_classes[thread] = best_classes[other];
            }
        }
        workgroupBarrier();
    }
    return best_classes[0];
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

// The loss and the hit of one row, as in the plain file.
@compute @workgroup_size(256)
fn forward_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let n = group.y * groups.x + group.x;
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    let best = best_of_row(first, thread);
    let largest = x[first + best];
    var share = 0.0;
    var below_share = 0.0;
    for (var c = thread; c < p.classes; c += 256u) {
        if (c != best) {
            share += exp(x[first + c] - largest);
            below_share += largest - x[first + c];
        }
    }
    let rest = sum_of_group(share, thread);
    let below = sum_of_group(below_share, thread);
    if (thread == 0u) {
        scratch[n] = weights[labels[n]] * (ln_1p_of_any(rest) + linear_part(largest - x[first + labels[n]], below));
        scratch[p.batch + n] = select(0.0, 1.0, best == labels[n] && !is_nan(largest));
    }
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

// dx_c = dloss * weights[label] * (softmax(x)_c - [c = label]) / whole_batch, at the label as -others / sum.
@compute @workgroup_size(256)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let n = group.y * groups.x + group.x;
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    let largest = x[first + best_of_row(first, thread)];
    let label = labels[n];
    var share = 0.0;
    for (var c = thread; c < p.classes; c += 256u) {
        if (c != label) { share += exp(x[first + c] - largest); }
    }
    let others = sum_of_group(share, thread);
    let sum = others + exp(x[first + label] - largest);
    for (var c = thread; c < p.classes; c += 256u) {
        let slope = select(exp(x[first + c] - largest), -others, c == label) / sum;
        dx[first + c] = dloss[0] * weights[label] * smoothed(slope, c == label) / f32(p.whole_batch);
    }
}
