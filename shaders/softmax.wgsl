// softmax: y = exp(x) / sum of exp(x), row by row
//
// Shapes      every buffer is [batch, classes]
// One thread  owns one row
// Reads       forward 3 values for each element, backward_x 4;  writes 1
// Cost        two exp per element; the time is that of moving the bytes. Rung 2 is faster for long rows
//
// exp(x) overflows where x is above 88. Adding the same number to all x of a row changes nothing, as it multiplies numerator and
// denominator alike: the largest of the row is taken off first. Then no power is above 1, and one is 1, so that the sum is not 0.

struct Params {
    batch: u32,
    classes: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// The larger of two numbers. max() may give either where one is a NaN; here that is a number, and the NaN shows in its power.
fn larger(a: f32, b: f32) -> f32 {
    return select(a, b, b > a);
}

// y[n, c] = exp(x[n, c] - m) / sum_k exp(x[n, k] - m), m = the largest of the row
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let n = flat_index(id, groups);
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    var largest = x[first];
    for (var c = 1u; c < p.classes; c++) { largest = larger(largest, x[first + c]); }
    var sum = 0.0;
    for (var c = 0u; c < p.classes; c++) { sum += exp(x[first + c] - largest); }
    for (var c = 0u; c < p.classes; c++) { y[first + c] = exp(x[first + c] - largest) / sum; }
}

// With e_c = exp(x_c) and s their sum, y_c = e_c / s. Of e_c / s by x_k the numerator gives y_c where k = c, and the
// denominator -y_c * y_k. So dx_k = sum_c dy_c * y_c * ([c = k] - y_k) = y_k * (dy_k - sum_c y_c * dy_c).
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let n = flat_index(id, groups);
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    var mean = 0.0;
    for (var c = 0u; c < p.classes; c++) { mean += y[first + c] * dy[first + c]; }
    for (var c = 0u; c < p.classes; c++) { dx[first + c] = y[first + c] * (dy[first + c] - mean); }
}
