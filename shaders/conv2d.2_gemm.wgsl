// conv2d, rung 2: a product of matrices whose factors are gathered on their way into workgroup memory
//
// Shapes      as in the plain file: x [batch, in_channels, in_h, in_w], w [out_channels, in_channels, kernel_h, kernel_w],
//             b [out_channels], y [batch, out_channels, out_h, out_w]; dx, dw, db are shaped as x, w, b, and dy as y;
//             scratch [parts, elements of dw or db], used by backward_w and backward_b
// One thread  owns a tile of 8 x 8 elements of the output: eight channels of eight positions, in backward_w eight
//             out_channels of eight weights. 64 sums in registers
// Workgroup   64 threads: 64 channels of 64 positions, or of 64 weights. They stage 16 terms of the sum at a time
// Reads       of buffers 32 values for 1024 multiply-adds of a thread, 0.125 bytes for each; of workgroup memory 4 vectors
//             for 64, 1 byte for each
// Cost        8.5 KiB of workgroup memory; registers for 64 sums and 16 factors, and for where four positions lie. Any
//             window, stride and padding; what does not divide is filled up with zeros
//
// A convolution is a product of matrices: [out_channels, terms] of w times [terms, positions] of x, where a term is one
// element of the window of one input channel. The second matrix is never stored as a whole, as it holds every x once for
// each element of the window: a group gathers the part that it needs. Libraries call this an implicit GEMM.
//
// Improves on rung 1, which reads two values of buffers for each multiply-add. What limits it now is finding the place of
// each gathered value: some ten instructions on whole numbers for each. The default on GPUs. The whole ladder: docs/ladder.md

struct Params {
    batch: u32,
    in_channels: u32,
    out_channels: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    pad_top: i32,
    pad_left: i32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<storage, read_write> dw: array<f32>;
@group(0) @binding(8) var<storage, read_write> db: array<f32>;
@group(0) @binding(9) var<storage, read_write> scratch: array<f32>;

// Sizes that are known when the shader is compiled: dividing by them costs little.
override in_channels: u32;
override out_channels: u32;
override in_h: u32;
override in_w: u32;
override out_h: u32;
override out_w: u32;
override kernel_h: u32;
override kernel_w: u32;
override stride_h: u32;
override stride_w: u32;
override pad_top: i32;
override pad_left: i32;

const THREADS = 64u;
const SIDE = 64u; // channels of a tile, and positions (or weights) of a tile
const DEPTH = 16u; // terms of the sum that are staged at a time
// Vectors from one staged term to the next: one more than the 16 of a tile's side, so that terms begin in different memory
// banks. A vector is stored whole, by one thread: storing one component may touch the others.
const PITCH = 17u;

// DEPTH terms of the tile's channels, four neighbours to a vector.
var<workgroup> staged_channels: array<vec4<f32>, DEPTH * PITCH>;
// DEPTH terms of the tile's positions. Vector q holds positions q, q + 16, q + 32 and q + 48: so neighbouring threads, which
// stage neighbouring vectors, read neighbouring values of a buffer.
var<workgroup> staged_positions: array<vec4<f32>, DEPTH * PITCH>;

// A thread's 8 x 8 sums. A column is one position, its four values are channels: a and b hold the positions of its first
// vector, c and d those of its second; b and d lie 32 channels behind a and c.
struct TileSums {
    a: mat4x4<f32>,
    b: mat4x4<f32>,
    c: mat4x4<f32>,
    d: mat4x4<f32>,
}

// All products of an element of a (rows) and one of b (columns).
fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(a * b.x, a * b.y, a * b.z, a * b.w);
}

// A thread's sums plus all staged terms.
fn plus_gathered(sums: TileSums, thread: u32) -> TileSums {
    workgroupBarrier();
    var new_sums = sums;
    for (var k = 0u; k < DEPTH; k++) {
        let at = k * PITCH + thread / 8u;
        let upper = staged_channels[at];
        let lower = staged_channels[at + 8u];
        let column = k * PITCH + thread % 8u;
        let left = staged_positions[column];
        let right = staged_positions[column + 8u];
        new_sums = TileSums(new_sums.a + outer(upper, left), new_sums.b + outer(lower, left),
            new_sums.c + outer(upper, right), new_sums.d + outer(lower, right));
    }
    workgroupBarrier();
    return new_sums;
}

// Four numbers from `first` on that lie 16 apart.
fn sixteen_apart(first: u32) -> vec4<u32> {
    return vec4(first, first + 16u, first + 32u, first + 48u);
}

// Row (or column) of the picture that output o reads through window element k; it may lie outside.
fn source(o: u32, stride: u32, pad: i32, k: u32) -> i32 {
    return i32(o * stride + k) - pad;
}


// Output o whose window element k reads row (or column) i, or out_len where there is none. Without branches: drivers put it
// in the place of each call, and one of them needs gigabytes to compile eight calls that leave early.
fn output_at(i: u32, stride: u32, pad: i32, k: u32, out_len: u32) -> u32 {
    // Below 0 it is huge, as it is unsigned, and so is the quotient.
    let distance = i + u32(pad) - k;
    let o = distance / stride;
    return select(out_len, o, o * stride == distance);
}

// b[co], or 0 beyond the last channel.
fn load_b(co: u32) -> f32 {
    if (co >= p.out_channels) { return 0.0; }
    return b[co];
}

// One term of out_channel co in forward: w[co, ci, kh, kw], or 0 beyond the last channel or term.
fn load_term(co: u32, term: u32) -> f32 {
    let terms = in_channels * kernel_h * kernel_w;
    if (co >= out_channels || term >= terms) { return 0.0; }
    return w[co * terms + term];
}

// One term of in_channel ci in backward_x, where terms are [out_channels, kernel_h, kernel_w]; or 0 beyond the last.
fn load_turned_term(ci: u32, term: u32) -> f32 {
    let taps = kernel_h * kernel_w;
    if (ci >= in_channels || term >= out_channels * taps) { return 0.0; }
    return w[(term / taps * in_channels + ci) * taps + term % taps];
}

// What a term of forward reads of x at row and column (zh, zw) of the convolution's output of picture n, or 0 outside.
fn gather_x(n: u32, zh: u32, zw: u32, term: u32) -> f32 {
    let ci = term / (kernel_h * kernel_w);
    let ih = source(zh, stride_h, pad_top, term / kernel_w % kernel_h);
    let iw = source(zw, stride_w, pad_left, term % kernel_w);
    if ((n >= p.batch) | (ci >= in_channels) | (u32(ih) >= in_h) | (u32(iw) >= in_w)) { return 0.0; }
    return x[((n * in_channels + ci) * in_h + u32(ih)) * in_w + u32(iw)];
}

// y[n, co, oh, ow] = b[co] + sum_{ci, kh, kw} x[n, ci, ih, iw] * w[co, ci, kh, kw], as in the plain file.
// A position is one of all pictures: (n * out_h + oh) * out_w + ow.
@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let first_co = group.y * SIDE;
    // A thread stages the same four positions all the time.
    let first_place = (group.z * groups.x + group.x) * SIDE;
    let place = sixteen_apart(first_place + thread % 16u);
    let n = place / (out_h * out_w);
    let oh = place / out_w % out_h;
    let ow = place % out_w;
    var sums = TileSums();
    for (var first = 0u; first < in_channels * kernel_h * kernel_w; first += DEPTH) {
        for (var i = thread; i < DEPTH * 16u; i += THREADS) {
            let co = first_co + i / DEPTH * 4u;
            let term = first + i % DEPTH;
            staged_channels[i % DEPTH * PITCH + i / DEPTH] = vec4(load_term(co, term), load_term(co + 1u, term),
                load_term(co + 2u, term), load_term(co + 3u, term));
        }
        for (var k = thread / 16u; k < DEPTH; k += THREADS / 16u) {
            let term = first + k;
            staged_positions[k * PITCH + thread % 16u] = vec4(gather_x(n.x, oh.x, ow.x, term),
                gather_x(n.y, oh.y, ow.y, term), gather_x(n.z, oh.z, ow.z, term), gather_x(n.w, oh.w, ow.w, term));
        }
        sums = plus_gathered(sums, thread);
    }
    let co = first_co + thread / 8u * 4u;
    let own_place = first_place + thread % 8u;
    store_y_square(co, own_place, sums.a);
    store_y_square(co + 32u, own_place, sums.b);
    store_y_square(co, own_place + 8u, sums.c);
    store_y_square(co + 32u, own_place + 8u, sums.d);
}

// Four out_channels of each of four positions that lie 16 apart.
fn store_y_square(co: u32, place: u32, sums: mat4x4<f32>) {
    let bias = vec4(load_b(co), load_b(co + 1u), load_b(co + 2u), load_b(co + 3u));
    store_y_channels(co, place, sums[0] + bias);
    store_y_channels(co, place + 16u, sums[1] + bias);
    store_y_channels(co, place + 32u, sums[2] + bias);
    store_y_channels(co, place + 48u, sums[3] + bias);
}

// Four out_channels of one position.
fn store_y_channels(co: u32, place: u32, four: vec4<f32>) {
    let area = out_h * out_w;
    let n = place / area;
    if (n >= p.batch) { return; }
    let i = (n * out_channels + co) * area + place % area;
    if (co < out_channels) { y[i] = four.x; }
    if (co + 1u < out_channels) { y[i + area] = four.y; }
    if (co + 2u < out_channels) { y[i + area * 2u] = four.z; }
    if (co + 3u < out_channels) { y[i + area * 3u] = four.w; }
}

// What a term of backward_x reads of dy at row and column (ih, iw) of picture n, or 0 where there is none.
fn gather_dy(n: u32, ih: u32, iw: u32, term: u32) -> f32 {
    let co = term / (kernel_h * kernel_w);
    let zh = output_at(ih, stride_h, pad_top, term / kernel_w % kernel_h, out_h);
    let zw = output_at(iw, stride_w, pad_left, term % kernel_w, out_w);
    if ((n >= p.batch) | (co >= out_channels) | (zh >= out_h) | (zw >= out_w)) { return 0.0; }
    return dy[((n * out_channels + co) * out_h + zh) * out_w + zw];
}

// dy of out_channel co at `place`, a position of the convolution's output of all pictures, or 0 beyond the last.
fn load_dy_at(co: u32, place: u32) -> f32 {
    let area = out_h * out_w;
    let n = place / area;
    if (n >= p.batch || co >= out_channels) { return 0.0; }
    return dy[(n * out_channels + co) * area + place % area];
}

// dx[n, ci, ih, iw] = sum_{co, kh, kw} dy[n, co, zh, zw] * w[co, ci, kh, kw], as in the plain file.
// A position is one of x in all pictures: (n * in_h + ih) * in_w + iw.
@compute @workgroup_size(THREADS)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let first_ci = group.y * SIDE;
    let first_place = (group.z * groups.x + group.x) * SIDE;
    let place = sixteen_apart(first_place + thread % 16u);
    let n = place / (in_h * in_w);
    let ih = place / in_w % in_h;
    let iw = place % in_w;
    var sums = TileSums();
    for (var first = 0u; first < out_channels * kernel_h * kernel_w; first += DEPTH) {
        for (var i = thread; i < DEPTH * 16u; i += THREADS) {
            let ci = first_ci + i / DEPTH * 4u;
            let term = first + i % DEPTH;
            staged_channels[i % DEPTH * PITCH + i / DEPTH] = vec4(load_turned_term(ci, term),
                load_turned_term(ci + 1u, term), load_turned_term(ci + 2u, term), load_turned_term(ci + 3u, term));
        }
        for (var k = thread / 16u; k < DEPTH; k += THREADS / 16u) {
            let term = first + k;
            staged_positions[k * PITCH + thread % 16u] = vec4(gather_dy(n.x, ih.x, iw.x, term),
                gather_dy(n.y, ih.y, iw.y, term), gather_dy(n.z, ih.z, iw.z, term), gather_dy(n.w, ih.w, iw.w, term));
        }
        sums = plus_gathered(sums, thread);
    }
    let ci = first_ci + thread / 8u * 4u;
    let own_place = first_place + thread % 8u;
    store_dx_square(ci, own_place, sums.a);
    store_dx_square(ci + 32u, own_place, sums.b);
    store_dx_square(ci, own_place + 8u, sums.c);
    store_dx_square(ci + 32u, own_place + 8u, sums.d);
}

// Four in_channels of each of four positions that lie 16 apart.
fn store_dx_square(ci: u32, place: u32, sums: mat4x4<f32>) {
    store_dx_channels(ci, place, sums[0]);
    store_dx_channels(ci, place + 16u, sums[1]);
    store_dx_channels(ci, place + 32u, sums[2]);
    store_dx_channels(ci, place + 48u, sums[3]);
}

// Four in_channels of one position.
fn store_dx_channels(ci: u32, place: u32, four: vec4<f32>) {
    let area = in_h * in_w;
    let n = place / area;
    if (n >= p.batch) { return; }
    let i = (n * in_channels + ci) * area + place % area;
    if (ci < in_channels) { dx[i] = four.x; }
    if (ci + 1u < in_channels) { dx[i + area] = four.y; }
    if (ci + 2u < in_channels) { dx[i + area * 2u] = four.z; }
    if (ci + 3u < in_channels) { dx[i + area * 3u] = four.w; }
}

// dw[co, ci, kh, kw] = sum_{n, zh, zw} dy[n, co, zh, zw] * x[n, ci, ih, iw], as in the plain file.
// In place of positions there are weights, and terms are the positions of the convolution's output in all pictures.
//
// In two passes, as there are many terms and few weights: group z of the grid adds up part z of the sum, which goes to
// scratch[z, co, ci, kh, kw].
@compute @workgroup_size(THREADS)
fn backward_w_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let first_co = group.y * SIDE;
    let first_weight = group.x * SIDE;
    let steps = (p.batch * out_h * out_w + DEPTH - 1u) / DEPTH;
    let steps_of_part = (steps + groups.z - 1u) / groups.z;
    var sums = TileSums();
    for (var step = group.z * steps_of_part; step < min((group.z + 1u) * steps_of_part, steps); step++) {
        // A thread stages one position of some channels, and of some weights.
        let place = step * DEPTH + thread % DEPTH;
        let n = place / (out_h * out_w);
        let zh = place / out_w % out_h;
        let zw = place % out_w;
        for (var quad = thread / DEPTH; quad < 16u; quad += THREADS / DEPTH) {
            let co = first_co + quad * 4u;
            staged_channels[thread % DEPTH * PITCH + quad] = vec4(load_dy_at(co, place), load_dy_at(co + 1u, place),
                load_dy_at(co + 2u, place), load_dy_at(co + 3u, place));
            let weight = sixteen_apart(first_weight + quad);
            staged_positions[thread % DEPTH * PITCH + quad] = vec4(gather_x(n, zh, zw, weight.x),
                gather_x(n, zh, zw, weight.y), gather_x(n, zh, zw, weight.z), gather_x(n, zh, zw, weight.w));
        }
        sums = plus_gathered(sums, thread);
    }
    let co = first_co + thread / 8u * 4u;
    let weight = first_weight + thread % 8u;
    store_partial_square(group.z, co, weight, sums.a);
    store_partial_square(group.z, co + 32u, weight, sums.b);
    store_partial_square(group.z, co, weight + 8u, sums.c);
    store_partial_square(group.z, co + 32u, weight + 8u, sums.d);
}

// Four out_channels of each of four weights that lie 16 apart, in part `part`.
fn store_partial_square(part: u32, co: u32, weight: u32, sums: mat4x4<f32>) {
    store_partial_channels(part, co, weight, sums[0]);
    store_partial_channels(part, co, weight + 16u, sums[1]);
    store_partial_channels(part, co, weight + 32u, sums[2]);
    store_partial_channels(part, co, weight + 48u, sums[3]);
}

// Four out_channels of one weight, in part `part`.
fn store_partial_channels(part: u32, co: u32, weight: u32, four: vec4<f32>) {
    let weights = in_channels * kernel_h * kernel_w;
    if (weight >= weights) { return; }
    let i = (part * out_channels + co) * weights + weight;
    if (co < out_channels) { scratch[i] = four.x; }
    if (co + 1u < out_channels) { scratch[i + weights] = four.y; }
    if (co + 2u < out_channels) { scratch[i + weights * 2u] = four.z; }
    if (co + 3u < out_channels) { scratch[i + weights * 3u] = four.w; }
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

// The second pass adds up the parts. A group owns 16 elements.
@compute @workgroup_size(256)
fn backward_w(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let element = (group.y * groups.x + group.x) * 16u + thread % 16u;
    let elements = out_channels * in_channels * kernel_h * kernel_w;
    let sum = sum_of_parts(element, elements, thread);
    if (thread < 16u && element < elements) { dw[element] = sum; }
}

// db[co] = sum_{n, oh, ow} dy[n, co, oh, ow].
//
// In two passes. In the first a group adds up part z of a plane of dy, that is of channel group.x of picture group.y: its
// threads read neighbouring values, and then add up their shares in pairs.
@compute @workgroup_size(256)
fn backward_b_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let area = out_h * out_w;
    let len = (area + groups.z - 1u) / groups.z;
    let first = (group.y * out_channels + group.x) * area;
    var share = 0.0;
    for (var i = group.z * len + thread; i < min((group.z + 1u) * len, area); i += 256u) {
        share += dy[first + i];
    }
    shares[thread] = share;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if (thread < half) { shares[thread] += shares[thread + half]; }
        workgroupBarrier();
    }
    if (thread == 0u) { scratch[(group.z * p.batch + group.y) * out_channels + group.x] = shares[0]; }
}

// The second pass adds up the parts of all pictures.
@compute @workgroup_size(256)
fn backward_b(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let element = (group.y * groups.x + group.x) * 16u + thread % 16u;
    let sum = sum_of_parts(element, out_channels, thread);
    if (thread < 16u && element < out_channels) { db[element] = sum; }
}
