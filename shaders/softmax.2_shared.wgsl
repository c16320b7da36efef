// softmax, rung 2: the threads of a group share a row
//
// Shapes      every buffer is [batch, classes]
// Workgroup   256 threads own one row. Each owns every 256th of its values
// Reads       of buffers as in the plain file; of workgroup memory 16 values a thread for each sum at most
// Cost        1 KiB of workgroup memory, nine barriers for each sum
//
// Improves on rung 1, where a batch of 32 rows keeps 32 threads busy, and neighbouring threads read values that are a row apart.
// What limits it now are the barriers. The default for rows of 32 values or more. The whole ladder: docs/ladder.md

struct Params {
    batch: u32,
    classes: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

var<workgroup> shares: array<f32, 256>;

// The lowest number: what a thread without values has as its largest.
const LOWEST = -0x1.fffffep127f;

// The larger of two numbers. max() may give either where one is a NaN; here that is a number, and the NaN shows in its power.
fn larger(a: f32, b: f32) -> f32 {
    return select(a, b, b > a);
}

// The largest of the shares of a group's threads, for all of them, as sum_of_group adds them up.
fn largest_of_group(share: f32, thread: u32) -> f32 {
    shares[thread] = share;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if (thread < half) { shares[thread] = larger(shares[thread], shares[thread + half]); }
        workgroupBarrier();
    }
    let largest = shares[0];
    workgroupBarrier();
    return largest;
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

// y[n, c] = exp(x[n, c] - m) / sum_k exp(x[n, k] - m), m = the largest of the row
@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let n = group.y * groups.x + group.x;
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    var share = LOWEST;
    for (var c = thread; c < p.classes; c += 256u) { share = larger(share, x[first + c]); }
    let largest = largest_of_group(share, thread);
    share = 0.0;
    for (var c = thread; c < p.classes; c += 256u) { share += exp(x[first + c] - largest); }
    let sum = sum_of_group(share, thread);
    for (var c = thread; c < p.classes; c += 256u) { y[first + c] = exp(x[first + c] - largest) / sum; }
}

// dx[n, c] = y[n, c] * (dy[n, c] - sum_k y[n, k] * dy[n, k])
@compute @workgroup_size(256)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let n = group.y * groups.x + group.x;
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    var share = 0.0;
    for (var c = thread; c < p.classes; c += 256u) { share += y[first + c] * dy[first + c]; }
    let mean = sum_of_group(share, thread);
    for (var c = thread; c < p.classes; c += 256u) { dx[first + c] = y[first + c] * (dy[first + c] - mean); }
}
