// dense, rung 4: every load brings four values, and a thread owns 8 x 8 elements
//
// Shapes      as in the plain file: x [batch, in_features], w [out_features, in_features], b [out_features],
//             y [batch, out_features]; dx, dw are shaped as x, w, and dy as y; scratch [parts, batch, out_features]
// One thread  owns a tile of 8 x 8 elements of the output, 64 sums in registers: four matrices of 4 x 4
// Workgroup   64 threads: a tile of 128 x 32 elements. 128 is what there is much of: out_features in forward, in_features in
//             backward. They stage 16 terms of the sum at a time
// Reads       of buffers 10 vectors of four values for 1024 multiply-adds of a thread, 0.16 bytes for each; of workgroup
//             memory 4 vectors for 64, 1 byte for each
// Cost        10.5 KiB of workgroup memory; registers for 64 sums and 16 factors. Only where in_features is a multiple of 4,
//             so that every row begins with a whole vector
//
// Improves on rung 3, whose loads bring one value each: here one instruction brings four, and a value that is loaded is used
// eight times. What limits forward now is that few workgroups share a long sum: dense1 at 256x256 has one tile of 128 x 32
// for batch 32, and 64 parts. Rung 5 is this file with more parts. The default on GPUs. The whole ladder: docs/ladder.md

struct Params {
    batch: u32,
    in_features: u32,
    out_features: u32,
}

// x, w, dx and dw are arrays of vectors: in_features is a multiple of 4.
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> scratch: array<f32>;

const THREADS = 64u;
const WIDE = 128u; // elements of a tile in one direction
const NARROW = 32u; // and in the other
const DEPTH = 16u; // terms of the sum that are staged at a time
// Vectors from one staged term to the next: one more than there are, so that terms begin in different memory banks.
const WIDE_PITCH = 33u;
const NARROW_PITCH = 9u;

// DEPTH terms of the tile's two sides, four neighbours to a vector. A vector is stored whole, by one thread: storing one
// component may touch the others.
var<workgroup> staged_wide: array<vec4<f32>, DEPTH * WIDE_PITCH>;
var<workgroup> staged_narrow: array<vec4<f32>, DEPTH * NARROW_PITCH>;

// A thread's 8 x 8 sums. Columns are along the narrow side, a column's four values along the wide one: a and b hold the first
// four columns, c and d the other four; b and d lie 64 elements behind a and c on the wide side.
struct WideSums {
    a: mat4x4<f32>,
    b: mat4x4<f32>,
    c: mat4x4<f32>,
    d: mat4x4<f32>,
}

// x[n, 4 q] to x[n, 4 q + 3], or zeros outside.
fn load_x_quad(n: u32, q: u32) -> vec4<f32> {
    if (n >= p.batch || q >= p.in_features / 4u) { return vec4<f32>(); }
    return x[n * (p.in_features / 4u) + q];
}

// w[o, 4 q] to w[o, 4 q + 3], or zeros outside.
fn load_w_quad(o: u32, q: u32) -> vec4<f32> {
    if (o >= p.out_features || q >= p.in_features / 4u) { return vec4<f32>(); }
    return w[o * (p.in_features / 4u) + q];
}

// dy[n, o], or 0 outside.
fn load_dy_feature(n: u32, o: u32) -> f32 {
    if (n >= p.batch || o >= p.out_features) { return 0.0; }
    return dy[n * p.out_features + o];
}

// All products of an element of a (rows) and one of b (columns).
fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(a * b.x, a * b.y, a * b.z, a * b.w);
}

// A thread's sums plus all staged terms.
fn plus_terms(sums: WideSums, thread: u32) -> WideSums {
    workgroupBarrier();
    var new_sums = sums;
    for (var k = 0u; k < DEPTH; k++) {
        let wide = k * WIDE_PITCH + thread % 16u;
        let narrow = k * NARROW_PITCH + thread / 16u;
        let first = staged_wide[wide];
        let second = staged_wide[wide + 16u];
        let left = staged_narrow[narrow];
        let right = staged_narrow[narrow + 4u];
        new_sums = WideSums(new_sums.a + outer(first, left), new_sums.b + outer(second, left),
            new_sums.c + outer(first, right), new_sums.d + outer(second, right));
    }
    workgroupBarrier();
    return new_sums;
}

// y[n, o] = b[o] + sum_i x[n, i] * w[o, i], in two passes, as in the plain file. The wide side are out_features, the narrow
// one images. Group z of the grid adds up part z of the sum: there are as many parts as groups.
@compute @workgroup_size(THREADS)
fn forward_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let first_o = group.x * WIDE;
    let first_n = group.y * NARROW;
    let steps = (p.in_features + DEPTH - 1u) / DEPTH;
    let steps_of_part = (steps + groups.z - 1u) / groups.z;
    var sums = WideSums();
    for (var step = group.z * steps_of_part; step < min((group.z + 1u) * steps_of_part, steps); step++) {
        // Values lie side by side along the sum, and are needed side by side along the tile: a thread turns 4 x 4 of them.
        for (var i = thread; i < WIDE; i += THREADS) {
            let q = i % 4u;
            let o = first_o + i / 4u * 4u;
            let turned = transpose(mat4x4(load_w_quad(o, step * 4u + q), load_w_quad(o + 1u, step * 4u + q),
                load_w_quad(o + 2u, step * 4u + q), load_w_quad(o + 3u, step * 4u + q)));
            let at = q * 4u * WIDE_PITCH + i / 4u;
            staged_wide[at] = turned[0];
            staged_wide[at + WIDE_PITCH] = turned[1];
            staged_wide[at + 2u * WIDE_PITCH] = turned[2];
            staged_wide[at + 3u * WIDE_PITCH] = turned[3];
        }
        for (var i = thread; i < NARROW; i += THREADS) {
            let q = i % 4u;
            let n = first_n + i / 4u * 4u;
            let turned = transpose(mat4x4(load_x_quad(n, step * 4u + q), load_x_quad(n + 1u, step * 4u + q),
                load_x_quad(n + 2u, step * 4u + q), load_x_quad(n + 3u, step * 4u + q)));
            let at = q * 4u * NARROW_PITCH + i / 4u;
            staged_narrow[at] = turned[0];
            staged_narrow[at + NARROW_PITCH] = turned[1];
            staged_narrow[at + 2u * NARROW_PITCH] = turned[2];
            staged_narrow[at + 3u * NARROW_PITCH] = turned[3];
        }
        sums = plus_terms(sums, thread);
    }
    let o = first_o + thread % 16u * 4u;
    let n = first_n + thread / 16u * 4u;
    store_partial_quads(group.z, n, o, sums.a);
    store_partial_quads(group.z, n, o + 64u, sums.b);
    store_partial_quads(group.z, n + 16u, o, sums.c);
    store_partial_quads(group.z, n + 16u, o + 64u, sums.d);
}

// Four out_features of each of four images, in part `part`.
fn store_partial_quads(part: u32, n: u32, o: u32, sums: mat4x4<f32>) {
    store_partial_features(part, n, o, sums[0]);
    store_partial_features(part, n + 1u, o, sums[1]);
    store_partial_features(part, n + 2u, o, sums[2]);
    store_partial_features(part, n + 3u, o, sums[3]);
}

// Four out_features of one image, in part `part`.
fn store_partial_features(part: u32, n: u32, o: u32, four: vec4<f32>) {
    if (n >= p.batch) { return; }
    let i = (part * p.batch + n) * p.out_features + o;
    if (o < p.out_features) { scratch[i] = four.x; }
    if (o + 1u < p.out_features) { scratch[i + 1u] = four.y; }
    if (o + 2u < p.out_features) { scratch[i + 2u] = four.z; }
    if (o + 3u < p.out_features) { scratch[i + 3u] = four.w; }
}

// What each of a group's 16 x 16 threads has added up: [16 shares, 16 elements].
var<workgroup> shares: array<f32, 256>;

// The sum of one element over all parts, which are `elements` words apart in scratch. 16 threads take a share each: part 0,
// 16, 32 …, part 1, 17 … Then the shares are added up, always in the same order.
fn sum_of_parts(element: u32, elements: u32, thread: u32) -> f32 {
    var share = 0.0;
    if (element < elements) {
        for (var i = thread / 16u * elements + element; i < arrayLength(&scratch); i += 16u * elements) {
            share += scratch[i];
        }
    }
    shares[thread] = share;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = thread % 16u; i < 256u; i += 16u) {
        sum += shares[i];
    }
    return sum;
}

// The second pass adds up the parts and the bias. A group owns 16 elements.
@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let element = (group.y * groups.x + group.x) * 16u + thread % 16u;
    let elements = p.batch * p.out_features;
    let sum = sum_of_parts(element, elements, thread);
    if (thread < 16u && element < elements) { y[element] = sum + b[element % p.out_features]; }
}

// dx[n, i] = sum_o dy[n, o] * w[o, i]. The wide side are in_features, the narrow one images.
@compute @workgroup_size(THREADS)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_quad = group.x * (WIDE / 4u);
    let first_n = group.y * NARROW;
    var sums = WideSums();
    for (var o = 0u; o < p.out_features; o += DEPTH) {
        for (var i = thread; i < DEPTH * WIDE / 4u; i += THREADS) {
            staged_wide[i / 32u * WIDE_PITCH + i % 32u] = load_w_quad(o + i / 32u, first_quad + i % 32u);
        }
        for (var i = thread; i < DEPTH * NARROW / 4u; i += THREADS) {
            let k = o + i % DEPTH;
            let n = first_n + i / DEPTH * 4u;
            staged_narrow[i % DEPTH * NARROW_PITCH + i / DEPTH] = vec4(load_dy_feature(n, k),
                load_dy_feature(n + 1u, k), load_dy_feature(n + 2u, k), load_dy_feature(n + 3u, k));
        }
        sums = plus_terms(sums, thread);
    }
    let quad = first_quad + thread % 16u;
    let n = first_n + thread / 16u * 4u;
    store_dx_quads(n, quad, sums.a);
    store_dx_quads(n, quad + 16u, sums.b);
    store_dx_quads(n + 16u, quad, sums.c);
    store_dx_quads(n + 16u, quad + 16u, sums.d);
}

// A vector of dx of each of four images.
fn store_dx_quads(n: u32, q: u32, sums: mat4x4<f32>) {
    let quads = p.in_features / 4u;
    if (q >= quads) { return; }
    if (n < p.batch) { dx[n * quads + q] = sums[0]; }
    if (n + 1u < p.batch) { dx[(n + 1u) * quads + q] = sums[1]; }
    if (n + 2u < p.batch) { dx[(n + 2u) * quads + q] = sums[2]; }
    if (n + 3u < p.batch) { dx[(n + 3u) * quads + q] = sums[3]; }
}

// dw[o, i] = sum_n dy[n, o] * x[n, i]. The wide side are in_features, the narrow one out_features.
@compute @workgroup_size(THREADS)
fn backward_w(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_quad = group.x * (WIDE / 4u);
    let first_o = group.y * NARROW;
    var sums = WideSums();
    for (var n = 0u; n < p.batch; n += DEPTH) {
        for (var i = thread; i < DEPTH * WIDE / 4u; i += THREADS) {
            staged_wide[i / 32u * WIDE_PITCH + i % 32u] = load_x_quad(n + i / 32u, first_quad + i % 32u);
        }
        for (var i = thread; i < DEPTH * NARROW / 4u; i += THREADS) {
            let k = n + i / 8u;
            let o = first_o + i % 8u * 4u;
            staged_narrow[i / 8u * NARROW_PITCH + i % 8u] = vec4(load_dy_feature(k, o),
                load_dy_feature(k, o + 1u), load_dy_feature(k, o + 2u), load_dy_feature(k, o + 3u));
        }
        sums = plus_terms(sums, thread);
    }
    let quad = first_quad + thread % 16u;
    let o = first_o + thread / 16u * 4u;
    store_dw_quads(o, quad, sums.a);
    store_dw_quads(o, quad + 16u, sums.b);
    store_dw_quads(o + 16u, quad, sums.c);
    store_dw_quads(o + 16u, quad + 16u, sums.d);
}

// A vector of dw of each of four out_features.
fn store_dw_quads(o: u32, q: u32, sums: mat4x4<f32>) {
    let quads = p.in_features / 4u;
    if (q >= quads) { return; }
    if (o < p.out_features) { dw[o * quads + q] = sums[0]; }
    if (o + 1u < p.out_features) { dw[(o + 1u) * quads + q] = sums[1]; }
    if (o + 2u < p.out_features) { dw[(o + 2u) * quads + q] = sums[2]; }
    if (o + 3u < p.out_features) { dw[(o + 3u) * quads + q] = sums[3]; }
}
