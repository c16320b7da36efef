// conv2d_relu_pool, rung 2: a product of matrices whose factors are gathered on their way into workgroup memory
//
// Shapes      as in the plain file: x [batch, in_channels, in_h, in_w], w [out_channels, in_channels, kernel_h, kernel_w],
//             b [out_channels], y [batch, out_channels, out_h, out_w], argmax [batch, out_channels, argmax_words];
//             dx, dw, db are shaped as x, w, b, and dy as y; scratch [parts, elements of dw or db]
// One thread  owns a tile of 8 x 8 elements of the product: eight channels of eight positions, in backward_w eight
//             out_channels of eight weights. 64 sums in registers
// Workgroup   64 threads: 64 channels of 64 positions, or of 64 weights. They stage 16 terms of the sum at a time. In forward
//             the 64 positions are whole words of argmax, four windows each: as many words as fit
// Reads       of buffers, for 1024 multiply-adds of a thread, 32 values in forward, and in backward three (dy, y, argmax) for
//             each of 16 values of dz; of workgroup memory 4 vectors for 64, 1 byte for each
// Cost        8.5 KiB of workgroup memory; registers for 64 sums and 16 factors, and for where four positions lie. Any
//             window, stride and padding, and pooling up to 4 x 4; what does not divide is filled up with zeros
//
// As conv2d's rung 2, where more is said of it. What is added: forward pools what it has summed up, and backward makes dz
// from dy. Improves on rung 1, which reads two values of buffers for each multiply-add. The default on GPUs where rung 3,
// which reads a patch once for all elements of the window, does not fit. The whole ladder: docs/ladder.md
//
// Of equal maxima the first wins, row by row; a NaN beats every number. argmax says where in its window the winner is:
// row * pool + column.

struct Params {
    batch: u32,
    in_channels: u32,
    out_channels: u32,
    in_h: u32,
    in_w: u32,
    conv_h: u32,
    conv_w: u32,
    out_h: u32,
    out_w: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    pad_top: i32,
    pad_left: i32,
    pool: u32,
    argmax_words: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;
@group(0) @binding(8) var<storage, read_write> dw: array<f32>;
@group(0) @binding(9) var<storage, read_write> db: array<f32>;
@group(0) @binding(10) var<storage, read_write> scratch: array<f32>;

// Sizes that are known when the shader is compiled: dividing by them costs little.
override in_channels: u32;
override out_channels: u32;
override in_h: u32;
override in_w: u32;
override conv_h: u32;
override conv_w: u32;
override out_h: u32;
override out_w: u32;
override kernel_h: u32;
override kernel_w: u32;
override stride_h: u32;
override stride_w: u32;
override pad_top: i32;
override pad_left: i32;
override pool: u32;
override argmax_words: u32;

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

// Output o whose window element k reads row (or column) i, or out_len where there is none. Without branches: drivers put it
// in the place of each call, and one of them needs gigabytes to compile eight calls that leave early.
fn output_at(i: u32, stride: u32, pad: i32, k: u32, out_len: u32) -> u32 {
    // Below 0 it is huge, as it is unsigned, and so is the quotient.
    let distance = i + u32(pad) - k;
    let o = distance / stride;
    return select(out_len, o, o * stride == distance);
}

// What a term of forward reads of x at row and column (zh, zw) of the convolution's output of picture n, or 0 outside.
fn gather_x(n: u32, zh: u32, zw: u32, term: u32) -> f32 {
    let ci = term / (kernel_h * kernel_w);
    let ih = source(zh, stride_h, pad_top, term / kernel_w % kernel_h);
    let iw = source(zw, stride_w, pad_left, term % kernel_w);
    if ((n >= p.batch) | (ci >= in_channels) | (u32(ih) >= in_h) | (u32(iw) >= in_w)) { return 0.0; }
    return x[((n * in_channels + ci) * in_h + u32(ih)) * in_w + u32(iw)];
}

// Tested on the bits: a shader compiler may assume that there are no NaNs, and drop `v != v`.
fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

// Words of argmax whose windows' positions fill a tile: column c of the tile is element c % pool^2 of a window, and four
// windows make a word.
fn words_of_tile() -> u32 {
    return SIDE / (4u * pool * pool);
}

// Where column c of a tile of forward lies: picture, row and column of the convolution's output. The picture of a column
// that has none is p.batch.
fn locate_column(first_word: u32, c: u32) -> vec3<u32> {
    let k = c % (pool * pool);
    let word = first_word + c / (4u * pool * pool);
    let o = word % argmax_words * 4u + c / (pool * pool) % 4u;
    if (c >= words_of_tile() * 4u * pool * pool || o >= out_h * out_w) { return vec3(p.batch, 0u, 0u); }
    return vec3(word / argmax_words, o / out_w * pool + k / pool, o % out_w * pool + k % pool);
}

// y[n, co, oh, ow] = the largest relu(conv2d) of the pool x pool window at (oh * pool, ow * pool).
@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let first_co = group.y * SIDE;
    let first_word = (group.z * groups.x + group.x) * words_of_tile();
    // A thread stages the same four positions all the time.
    let column = sixteen_apart(thread % 16u);
    let a = locate_column(first_word, column.x);
    let b = locate_column(first_word, column.y);
    let c = locate_column(first_word, column.z);
    let d = locate_column(first_word, column.w);
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
            staged_positions[k * PITCH + thread % 16u] = vec4(gather_x(a.x, a.y, a.z, term),
                gather_x(b.x, b.y, b.z, term), gather_x(c.x, c.y, c.z, term), gather_x(d.x, d.y, d.z, term));
        }
        sums = plus_gathered(sums, thread);
    }
    // A window's positions are spread over threads: they meet in workgroup memory, for every fourth channel at a time.
    let upper_left = transpose(sums.a);
    let lower_left = transpose(sums.b);
    let upper_right = transpose(sums.c);
    let lower_right = transpose(sums.d);
    stage_sums(thread, upper_left[0], lower_left[0], upper_right[0], lower_right[0]);
    pool_staged(thread, first_co, first_word);
    stage_sums(thread, upper_left[1], lower_left[1], upper_right[1], lower_right[1]);
    pool_staged(thread, first_co + 1u, first_word);
    stage_sums(thread, upper_left[2], lower_left[2], upper_right[2], lower_right[2]);
    pool_staged(thread, first_co + 2u, first_word);
    stage_sums(thread, upper_left[3], lower_left[3], upper_right[3], lower_right[3]);
    pool_staged(thread, first_co + 3u, first_word);
}

// Stores a thread's sums of two channels, at its 2 x 4 positions, over the staged positions: [16 channels, positions].
fn stage_sums(thread: u32, upper_left: vec4<f32>, lower_left: vec4<f32>, upper_right: vec4<f32>, lower_right: vec4<f32>) {
    let row = thread / 8u * PITCH + thread % 8u;
    staged_positions[row] = upper_left;
    staged_positions[row + 8u] = upper_right;
    staged_positions[row + 8u * PITCH] = lower_left;
    staged_positions[row + 8u * PITCH + 8u] = lower_right;
    workgroupBarrier();
}

// Adds the bias to what stage_sums stored, pools it, and stores y and argmax. A thread owns some words of argmax, each of one
// of 16 channels that lie four apart.
fn pool_staged(thread: u32, first_co: u32, first_word: u32) {
    for (var i = thread; i < 16u * words_of_tile(); i += THREADS) {
        let row = i / words_of_tile();
        let word = first_word + i % words_of_tile();
        let co = first_co + 4u * row;
        let n = word / argmax_words;
        if (n < p.batch && co < out_channels) {
            let plane = n * out_channels + co;
            var packed = 0u;
            for (var j = 0u; j < 4u; j++) {
                let o = word % argmax_words * 4u + j;
                if (o < out_h * out_w) {
                    let best = best_of_window(row, (i % words_of_tile() * 4u + j) * pool * pool, b[co]);
                    y[plane * out_h * out_w + o] = best.value;
                    packed |= best.k << (8u * j);
                }
            }
            argmax[plane * argmax_words + word % argmax_words] = packed;
        }
    }
    workgroupBarrier();
}

// The largest relu(conv2d) of a window, and its place there.
struct Winner {
    value: f32,
    k: u32,
}

// Of the window whose elements are the columns of the tile from `column` on, in a staged row.
fn best_of_window(row: u32, column: u32, bias: f32) -> Winner {
    var best = relu_staged(row, column, bias);
    var best_k = 0u;
    for (var k = 1u; k < pool * pool; k++) {
        let v = relu_staged(row, column + k, bias);
        if (v > best || (is_nan(v) && !is_nan(best))) {
            best = v;
            best_k = k;
        }
    }
    return Winner(best, best_k);
}

// One staged sum, with bias and ReLU, which passes NaN on. Column c of the tile is component c / 16 of vector c % 16.
fn relu_staged(row: u32, column: u32, bias: f32) -> f32 {
    let z = staged_positions[row * PITCH + column % 16u][column / 16u] + bias;
    return select(z, 0.0, z <= 0.0);
}

// dz, the gradient of the convolution's output, at (zh, zw). It is stored nowhere, but made from dy: pooling hands dy to
// the window's winner only, and ReLU passes it on only where its output, which is y there, is above 0.
fn load_dz(plane: u32, zh: u32, zw: u32) -> f32 {
    let oh = zh / p.pool;
    let ow = zw / p.pool;
    if (oh >= p.out_h || ow >= p.out_w) { return 0.0; } // in rows and columns that pooling left out
    let o = oh * p.out_w + ow;
    let winner = (argmax[plane * p.argmax_words + o / 4u] >> (8u * (o % 4u))) & 255u;
    let i = plane * p.out_h * p.out_w + o;
    let is_winner = winner == zh % p.pool * p.pool + zw % p.pool;
    return select(0.0, dy[i], is_winner && y[i] > 0.0);
}

// What a term of backward_x reads of dz at row and column (ih, iw) of picture n, or 0 where there is none.
fn gather_dz(n: u32, ih: u32, iw: u32, term: u32) -> f32 {
    let co = term / (kernel_h * kernel_w);
    let zh = output_at(ih, stride_h, pad_top, term / kernel_w % kernel_h, conv_h);
    let zw = output_at(iw, stride_w, pad_left, term % kernel_w, conv_w);
    if ((n >= p.batch) | (co >= out_channels) | (zh >= conv_h) | (zw >= conv_w)) { return 0.0; }
    return load_dz(n * out_channels + co, zh, zw);
}

// dz of out_channel co at `place`, a position of the convolution's output of all pictures, or 0 beyond the last.
fn load_dz_at(co: u32, place: u32) -> f32 {
    let area = conv_h * conv_w;
    let n = place / area;
    if (n >= p.batch || co >= out_channels) { return 0.0; }
    return load_dz(n * out_channels + co, place % area / conv_w, place % conv_w);
}

// dx[n, ci, ih, iw] = sum_{co, kh, kw} dz[n, co, zh, zw] * w[co, ci, kh, kw], as conv2d's backward_x with dz for dy.
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
            staged_positions[k * PITCH + thread % 16u] = vec4(gather_dz(n.x, ih.x, iw.x, term),
                gather_dz(n.y, ih.y, iw.y, term), gather_dz(n.z, ih.z, iw.z, term), gather_dz(n.w, ih.w, iw.w, term));
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

// dw[co, ci, kh, kw] = sum_{n, zh, zw} dz[n, co, zh, zw] * x[n, ci, ih, iw], as conv2d's backward_w with dz for dy.
// In place of positions there are weights, and terms are the positions of the convolution's output in all pictures.
//
// In two passes, as there are many terms and few weights: group z of the grid adds up part z of the sum, which goes to
// scratch[z, co, ci, kh, kw].
@compute @workgroup_size(THREADS)
fn backward_w_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let first_co = group.y * SIDE;
    let first_weight = group.x * SIDE;
    let steps = (p.batch * conv_h * conv_w + DEPTH - 1u) / DEPTH;
    let steps_of_part = (steps + groups.z - 1u) / groups.z;
    var sums = TileSums();
    for (var step = group.z * steps_of_part; step < min((group.z + 1u) * steps_of_part, steps); step++) {
        // A thread stages one position of some channels, and of some weights.
        let place = step * DEPTH + thread % DEPTH;
        let n = place / (conv_h * conv_w);
        let zh = place / conv_w % conv_h;
        let zw = place % conv_w;
        for (var quad = thread / DEPTH; quad < 16u; quad += THREADS / DEPTH) {
            let co = first_co + quad * 4u;
            staged_channels[thread % DEPTH * PITCH + quad] = vec4(load_dz_at(co, place), load_dz_at(co + 1u, place),
                load_dz_at(co + 2u, place), load_dz_at(co + 3u, place));
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

// db[co] is the sum of dz, that is of dy where y > 0.
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
        share += select(0.0, dy[first + i], y[first + i] > 0.0);
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
