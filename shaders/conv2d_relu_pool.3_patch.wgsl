// conv2d_relu_pool, rung 3: a group reads a patch of the picture once, and uses it for all nine elements of the window
//
// Shapes      as in the plain file: x [batch, in_channels, in_h, in_w],
//             w [out_channels, in_channels, 3, 3], b [out_channels],
//             y [batch, out_channels, out_h, out_w], argmax [batch, out_channels, argmax_words];
//             dx, dw are shaped as x, w, and dy as y; scratch [parts, elements of dw] in backward_w, and w in the order of
//             use, as `packed`, in the others
// One thread  owns four channels of a patch of 2 x 8 positions, 64 sums. forward: out_channels of the positions that become
//             one word of argmax; backward_x: in_channels of 2 x 8 of dx. backward_w: four out_channels of the nine
//             elements of two in_channels' windows, 72 sums
// Workgroup   128 threads: 64 channels of a tile of 8 x 16 positions. In backward_w 256 threads: 64 out_channels of 32
//             in_channels, or of fewer, whose threads then share the positions. They stage in workgroup memory what they
//             share: for four channels of the sum at a time, in backward_w for 2 x 8 positions at a time
// Reads       of buffers, for 2304 multiply-adds of a thread, about 24 values in forward, 0.04 bytes for each, and 24 in
//             backward_x; in backward_w 8 for 1152; of workgroup memory 76 values for 576, 0.5 bytes for each, and in
//             backward_w 10 for 72
// Cost        12.6 KiB of workgroup memory, in backward_w 9.5; registers for 64 or 72 sums and some 30 factors. A first pass
//             puts w in order. Only for windows of 3x3, stride 1, padding 1, pooling 2x2, and out_w a multiple of 4, so that
//             a word of argmax lies in one row
//
// Improves on rung 2, which gathers a value of x once for each of the nine elements of the window that meet it, and finds its
// place each time. What limits it now is arithmetic itself, in f32, and in backward_w the staging. The default on GPUs where
// it fits. The whole ladder: docs/ladder.md
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
// Four windows to a vector, which lie in one row.
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;
@group(0) @binding(8) var<storage, read_write> dw: array<f32>;
@group(0) @binding(10) var<storage, read_write> scratch: array<f32>;
// That same buffer in forward and backward_x: w in the order of use, made by a pass of its own.
@group(0) @binding(11) var<storage, read_write> packed: array<vec4<f32>>;

override in_channels: u32;
override in_h: u32;
override in_w: u32;
override out_channels: u32;
override out_h: u32;
override out_w: u32;

const THREADS = 128u;
const ROWS = 64u; // channels of a tile
const HEIGHT = 8u; // positions of a tile, HEIGHT x WIDTH
const WIDTH = 16u;
const PATCH_HEIGHT = 10u; // the same with the neighbours on both sides that a window of 3 reads
const PATCH_WIDTH = 18u;
// Values from one row of a patch to the next. With 19 the eight runs of a subgroup of 32, of four pairs of rows, begin in
// different banks; with 18 some share one.
const PATCH_PITCH = 19u;
const PATCH = PATCH_HEIGHT * PATCH_PITCH;
const DEPTH = 4u; // channels of the sum that are staged at a time
const FACTORS = DEPTH * 9u * ROWS / 4u; // vectors of weights that are staged with them
// Vectors of four channels from one row of `factors` or `staged_dz` to the next. It is one more than ROWS / 4 to avoid bank
// conflicts: neighbouring threads store into neighbouring rows, and 16 vectors are a multiple of the 32 banks. A vector is
// stored whole, by one thread: storing one component may touch the others.
const PITCH = 17u;

// x in forward, dz in backward_x, at the tile's positions and around them: [DEPTH, PATCH_HEIGHT, PATCH_PITCH].
var<workgroup> patches: array<f32, DEPTH * PATCH>;
// The weights that they are multiplied by: [DEPTH * 9, ROWS], four channels to a vector.
var<workgroup> factors: array<vec4<f32>, DEPTH * 9u * PITCH>;

// Four channels of the 2 x 8 positions of a thread: a and b hold the upper row, c and d the lower one.
struct PatchSums {
    a: mat4x4<f32>,
    b: mat4x4<f32>,
    c: mat4x4<f32>,
    d: mat4x4<f32>,
}

// Ten neighbours in a row: all that a window of width 3 meets at eight neighbouring positions.
struct Run {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec2<f32>,
}

// Four columns of sums plus three terms, those of one row of the window. One sum after the other gets all three while it
// is in a register: one term after the other would move every sum in and out of registers three times.
fn plus_slid(sums: mat4x4<f32>, first: vec4<f32>, second: vec4<f32>, third: vec4<f32>, run: vec4<f32>,
    next: vec2<f32>) -> mat4x4<f32> {
    return mat4x4(sums[0] + first * run.x + second * run.y + third * run.z,
        sums[1] + first * run.y + second * run.z + third * run.w,
        sums[2] + first * run.z + second * run.w + third * next.x,
        sums[3] + first * run.w + second * next.x + third * next.y);
}

// The same for all 2 x 8 positions of a thread.
fn plus_three(sums: PatchSums, first: vec4<f32>, second: vec4<f32>, third: vec4<f32>, upper: Run, lower: Run) -> PatchSums {
    return PatchSums(plus_slid(sums.a, first, second, third, upper.a, upper.b.xy),
        plus_slid(sums.b, first, second, third, upper.b, upper.c),
        plus_slid(sums.c, first, second, third, lower.a, lower.b.xy),
        plus_slid(sums.d, first, second, third, lower.b, lower.c));
}

// Tested on the bits: a shader compiler may assume that there are no NaNs, and drop `v != v`.
fn is_nan4(v: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
}

// Ten neighbours in a row of the patch of staged channel d.
fn load_staged_run(d: u32, row: u32, column: u32) -> Run {
    let i = (d * PATCH_HEIGHT + row) * PATCH_PITCH + column;
    return Run(vec4(patches[i], patches[i + 1u], patches[i + 2u], patches[i + 3u]),
        vec4(patches[i + 4u], patches[i + 5u], patches[i + 6u], patches[i + 7u]),
        vec2(patches[i + 8u], patches[i + 9u]));
}

// A thread's sums plus those of staged channel d: all nine elements of the window.
fn plus_channel(sums: PatchSums, d: u32, row: u32, column: u32, channels: u32) -> PatchSums {
    let top = load_staged_run(d, row, column);
    let second = load_staged_run(d, row + 1u, column);
    let third = load_staged_run(d, row + 2u, column);
    let bottom = load_staged_run(d, row + 3u, column);
    let i = d * 9u * PITCH + channels;
    let upper = plus_three(sums, factors[i], factors[i + PITCH], factors[i + 2u * PITCH], top, second);
    let middle = plus_three(upper, factors[i + 3u * PITCH], factors[i + 4u * PITCH], factors[i + 5u * PITCH], second, third);
    return plus_three(middle, factors[i + 6u * PITCH], factors[i + 7u * PITCH], factors[i + 8u * PITCH], third, bottom);
}

// b[co], or 0 beyond the last channel.
fn load_b(co: u32) -> f32 {
    if (co >= p.out_channels) { return 0.0; }
    return b[co];
}

// x[n, ci, ih, iw], or 0 outside.
fn load_x(n: u32, ci: u32, ih: i32, iw: i32) -> f32 {
    if (ci >= in_channels || u32(ih) >= in_h || u32(iw) >= in_w) { return 0.0; }
    return x[((n * in_channels + ci) * in_h + u32(ih)) * in_w + u32(iw)];
}

const OUTSIDE = 0xffffffffu;

// Where position i of a patch lies in a plane of x, or OUTSIDE. A thread stages the same positions of every channel.
fn place_of_position(i: u32, top: u32, left: u32) -> u32 {
    let ih = top + i / PATCH_WIDTH - 1u; // above the first row, a large number
    let iw = left + i % PATCH_WIDTH - 1u;
    return select(OUTSIDE, ih * in_w + iw, ih < in_h && iw < in_w);
}

// x at a place of plane n * in_channels + ci.
fn load_x_at(plane: u32, place: u32) -> f32 {
    if (place == OUTSIDE) { return 0.0; }
    return x[plane * in_h * in_w + place];
}

// Where position i of a patch lies in that of the first staged channel.
fn staged_position(i: u32) -> u32 {
    return i / PATCH_WIDTH * PATCH_PITCH + i % PATCH_WIDTH;
}

// w[co, ci, kh, kw] with tap = kh * 3 + kw, or 0 outside.
fn load_w_3x3(co: u32, ci: u32, tap: u32) -> f32 {
    if (co >= out_channels || ci >= in_channels) { return 0.0; }
    return w[(co * in_channels + ci) * 9u + tap];
}

// dz, the gradient of the convolution's output, in a window of 2 x 2: `value` at place k, and 0 at the other three.
struct WindowDz {
    value: f32,
    k: u32,
}

// dz of window o of plane n * out_channels + co. It is stored nowhere, but made from dy: pooling hands dy to the window's
// winner only, and ReLU passes it on only where its output, which is y there, is above 0.
fn load_window_dz_at(plane: u32, o: u32) -> WindowDz {
    let k = (argmax[plane * p.argmax_words + o / 4u] >> (8u * (o % 4u))) & 255u;
    let i = plane * out_h * out_w + o;
    return WindowDz(select(0.0, dy[i], y[i / 4u][i % 4u] > 0.0), k);
}

// dz of window [oh, ow], all 0 outside.
fn load_window_dz(n: u32, co: u32, oh: i32, ow: i32) -> WindowDz {
    if (co >= out_channels || u32(oh) >= out_h || u32(ow) >= out_w) { return WindowDz(0.0, 0u); }
    return load_window_dz_at(n * out_channels + co, u32(oh) * out_w + u32(ow));
}

// dz at place k of the windows of four channels.
fn dz_at(k: u32, a: WindowDz, b: WindowDz, c: WindowDz, d: WindowDz) -> vec4<f32> {
    return select(vec4<f32>(), vec4(a.value, b.value, c.value, d.value), vec4(a.k, b.k, c.k, d.k) == vec4(k));
}

// The largest relu(conv2d) so far and its place k in the window, for four windows.
struct Best {
    value: vec4<f32>,
    k: vec4<u32>,
}

// max(v, 0), with NaN passed on.
fn relu(v: vec4<f32>) -> vec4<f32> {
    return select(v, vec4<f32>(), v <= vec4<f32>());
}

// `best` after element k of the window, v before ReLU. What is larger replaces it, and so does the first NaN.
fn best_after(best: Best, v: vec4<f32>, k: u32) -> Best {
    let value = relu(v);
    let wins = (value > best.value) | (is_nan4(value) & !is_nan4(best.value));
    return Best(select(best.value, value, wins), select(best.k, vec4(k), wins));
}

// ReLU and pooling of one 2 x 2 window, whose elements k0 to k3 are given row by row.
fn pool_window(k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>) -> Best {
    return best_after(best_after(best_after(Best(relu(k0), vec4<u32>()), k1, 1u), k2, 2u), k3, 3u);
}

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// w for forward, four out_channels to a vector: [tiles of ROWS out_channels, blocks of DEPTH in_channels, DEPTH, 9, ROWS / 4].
@compute @workgroup_size(256)
fn pack_for_forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    let blocks = (in_channels + DEPTH - 1u) / DEPTH;
    let co = i / (blocks * FACTORS) * ROWS + i % (ROWS / 4u) * 4u;
    if (co >= (out_channels + ROWS - 1u) / ROWS * ROWS) { return; }
    let tap = i / (ROWS / 4u) % 9u;
    let ci = i / FACTORS % blocks * DEPTH + i % FACTORS / (9u * ROWS / 4u);
    packed[i] = vec4(load_w_3x3(co, ci, tap), load_w_3x3(co + 1u, ci, tap), load_w_3x3(co + 2u, ci, tap),
        load_w_3x3(co + 3u, ci, tap));
}

// The same for backward_x, with in_channels and out_channels exchanged and the window turned upside down.
@compute @workgroup_size(256)
fn pack_for_backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    let blocks = (out_channels + DEPTH - 1u) / DEPTH;
    let ci = i / (blocks * FACTORS) * ROWS + i % (ROWS / 4u) * 4u;
    if (ci >= (in_channels + ROWS - 1u) / ROWS * ROWS) { return; }
    let tap = 8u - i / (ROWS / 4u) % 9u;
    let co = i / FACTORS % blocks * DEPTH + i % FACTORS / (9u * ROWS / 4u);
    packed[i] = vec4(load_w_3x3(co, ci, tap), load_w_3x3(co, ci + 1u, tap), load_w_3x3(co, ci + 2u, tap),
        load_w_3x3(co, ci + 3u, tap));
}

// The weights of `depth` channels of the sum, from packed.
fn stage_factors(first: u32, depth: u32, thread: u32) {
    for (var i = thread; i < depth * 9u * ROWS / 4u; i += THREADS) {
        factors[i / (ROWS / 4u) * PITCH + i % (ROWS / 4u)] = packed[first + i];
    }
}

// y[oh, ow] = the largest relu(conv2d) of the 2 x 2 window at (2 oh, 2 ow)
// A workgroup owns 4 x 8 windows of picture group.z: tile number group.x. A thread owns four windows in a row.
@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let across = (out_w + WIDTH / 2u - 1u) / (WIDTH / 2u);
    let top = group.x / across * HEIGHT;
    let left = group.x % across * WIDTH;
    let n = group.z;
    let row = thread % 8u / 2u * 2u;
    let column = thread % 2u * 8u;
    let channels = thread / 8u;
    var sums = PatchSums();
    let place = place_of_position(thread, top, left);
    let second_place = place_of_position(thread + THREADS, top, left);
    let position = staged_position(thread);
    let second_position = staged_position(thread + THREADS);
    let blocks = (in_channels + DEPTH - 1u) / DEPTH;
    for (var ci = 0u; ci < in_channels; ci += DEPTH) {
        let depth = min(DEPTH, in_channels - ci);
        for (var d = 0u; d < depth; d++) {
            let plane = n * in_channels + ci + d;
            patches[d * PATCH + position] = load_x_at(plane, place);
            if (thread + THREADS < PATCH_HEIGHT * PATCH_WIDTH) {
                patches[d * PATCH + second_position] = load_x_at(plane, second_place);
            }
        }
        stage_factors((group.y * blocks + ci / DEPTH) * FACTORS, depth, thread);
        workgroupBarrier();
        for (var d = 0u; d < depth; d++) {
            sums = plus_channel(sums, d, row, column, channels);
        }
        workgroupBarrier();
    }
    let oh = (top + row) / 2u;
    let ow = (left + column) / 2u;
    if (oh >= out_h || ow >= out_w) { return; }
    store_pooled_tile(n, group.y * ROWS + channels * 4u, oh * out_w + ow, sums);
}

// Adds the bias to a thread's 2 x 8 sums, pools the four windows that they make, and stores y and argmax.
fn store_pooled_tile(n: u32, co: u32, o: u32, sums: PatchSums) {
    let bias = vec4(load_b(co), load_b(co + 1u), load_b(co + 2u), load_b(co + 3u));
    let first = pool_window(sums.a[0] + bias, sums.a[1] + bias, sums.c[0] + bias, sums.c[1] + bias);
    let second = pool_window(sums.a[2] + bias, sums.a[3] + bias, sums.c[2] + bias, sums.c[3] + bias);
    let third = pool_window(sums.b[0] + bias, sums.b[1] + bias, sums.d[0] + bias, sums.d[1] + bias);
    let fourth = pool_window(sums.b[2] + bias, sums.b[3] + bias, sums.d[2] + bias, sums.d[3] + bias);
    store_y_vectors(n, co, o, transpose(mat4x4(first.value, second.value, third.value, fourth.value)));
    let words = first.k | (second.k << vec4(8u)) | (third.k << vec4(16u)) | (fourth.k << vec4(24u));
    store_argmax(n, co, o, words);
}

// y of windows o to o + 3 in four out_channels, a column for each.
fn store_y_vectors(n: u32, co: u32, o: u32, four: mat4x4<f32>) {
    let area = p.out_h * out_w / 4u;
    let i = (n * p.out_channels + co) * area + o / 4u;
    if (co < p.out_channels) { y[i] = four[0]; }
    if (co + 1u < p.out_channels) { y[i + area] = four[1]; }
    if (co + 2u < p.out_channels) { y[i + area * 2u] = four[2]; }
    if (co + 3u < p.out_channels) { y[i + area * 3u] = four[3]; }
}

// One word of argmax, that is windows o to o + 3, of each of four out_channels.
fn store_argmax(n: u32, co: u32, o: u32, packed: vec4<u32>) {
    let i = (n * p.out_channels + co) * p.argmax_words + o / 4u;
    if (co < p.out_channels) { argmax[i] = packed.x; }
    if (co + 1u < p.out_channels) { argmax[i + p.argmax_words] = packed.y; }
    if (co + 2u < p.out_channels) { argmax[i + p.argmax_words * 2u] = packed.z; }
    if (co + 3u < p.out_channels) { argmax[i + p.argmax_words * 3u] = packed.w; }
}

// Windows of 2 x 2 that meet a patch: it begins at the second row and the second column of the first. A thread stages the same
// window of every other channel.
const ACROSS = PATCH_WIDTH / 2u + 1u;
const WINDOWS = (PATCH_HEIGHT / 2u + 1u) * ACROSS;

// dz of a window into the patch of staged channel d, whose row `bottom` and column `right` are the window's second ones.
fn stage_window(d: u32, bottom: u32, right: u32, winner: WindowDz) {
    let i = (d * PATCH_HEIGHT + bottom) * PATCH_PITCH + right;
    let above = bottom > 0u;
    let below = bottom < PATCH_HEIGHT;
    if (above && right > 0u) { patches[i - PATCH_PITCH - 1u] = select(0.0, winner.value, winner.k == 0u); }
    if (above && right < PATCH_WIDTH) { patches[i - PATCH_PITCH] = select(0.0, winner.value, winner.k == 1u); }
    if (below && right > 0u) { patches[i - 1u] = select(0.0, winner.value, winner.k == 2u); }
    if (below && right < PATCH_WIDTH) { patches[i] = select(0.0, winner.value, winner.k == 3u); }
}

// As conv2d's backward_x with dz for dy:
// dx[n, ci, ih, iw] = sum_{co, kh, kw} dz[n, co, ih + 1 - kh, iw + 1 - kw] * w[co, ci, kh, kw]
// That is forward's sum with dz for x and the window turned upside down: element tap becomes 8 - tap.
@compute @workgroup_size(THREADS)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let across = (in_w + WIDTH - 1u) / WIDTH;
    let top = group.x / across * HEIGHT;
    let left = group.x % across * WIDTH;
    let n = group.z;
    let row = thread % 8u / 2u * 2u;
    let column = thread % 2u * 8u;
    let channels = thread / 8u;
    var sums = PatchSums();
    let window = thread % WINDOWS;
    let bottom = window / ACROSS * 2u;
    let right = window % ACROSS * 2u;
    let oh = (top + bottom) / 2u - 1u; // above the first row, a large number
    let ow = (left + right) / 2u - 1u;
    let is_inside = oh < out_h && ow < out_w;
    let blocks = (out_channels + DEPTH - 1u) / DEPTH;
    for (var co = 0u; co < out_channels; co += DEPTH) {
        let depth = min(DEPTH, out_channels - co);
        if (thread < THREADS / WINDOWS * WINDOWS) {
            for (var d = thread / WINDOWS; d < depth; d += THREADS / WINDOWS) {
                var winner = WindowDz();
                if (is_inside) { winner = load_window_dz_at(n * out_channels + co + d, oh * out_w + ow); }
                stage_window(d, bottom, right, winner);
            }
        }
        stage_factors((group.y * blocks + co / DEPTH) * FACTORS, depth, thread);
        workgroupBarrier();
        for (var d = 0u; d < depth; d++) {
            sums = plus_channel(sums, d, row, column, channels);
        }
        workgroupBarrier();
    }
    let ci = group.y * ROWS + channels * 4u;
    store_dx_four(n, ci, top + row, left + column, sums.a);
    store_dx_four(n, ci, top + row, left + column + 4u, sums.b);
    store_dx_four(n, ci, top + row + 1u, left + column, sums.c);
    store_dx_four(n, ci, top + row + 1u, left + column + 4u, sums.d);
}

// dx of four in_channels at four neighbours in a row. One after the other: sums that a loop picked would leave the registers.
fn store_dx_four(n: u32, ci: u32, ih: u32, iw: u32, sums: mat4x4<f32>) {
    store_dx(n, ci, ih, iw, sums[0]);
    store_dx(n, ci, ih, iw + 1u, sums[1]);
    store_dx(n, ci, ih, iw + 2u, sums[2]);
    store_dx(n, ci, ih, iw + 3u, sums[3]);
}

// dx of four in_channels at one position.
fn store_dx(n: u32, ci: u32, ih: u32, iw: u32, four: vec4<f32>) {
    if (ih >= p.in_h || iw >= p.in_w) { return; }
    let area = p.in_h * p.in_w;
    let i = (n * p.in_channels + ci) * area + ih * p.in_w + iw;
    if (ci < p.in_channels) { dx[i] = four.x; }
    if (ci + 1u < p.in_channels) { dx[i + area] = four.y; }
    if (ci + 2u < p.in_channels) { dx[i + area * 2u] = four.z; }
    if (ci + 3u < p.in_channels) { dx[i + area * 3u] = four.w; }
}

const WEIGHT_THREADS = 256u; // of a workgroup of backward_w
const COLUMNS = 32u; // its in_channels, where there are so many
const LINES = 16u; // threads that share the in_channels and positions for four out_channels
const STRIP = 8u; // columns of positions that are staged at a time, of two rows
const STRIP_PATCH = 10u; // the same with the neighbours on both sides
const LINE = 41u; // staged values of an in_channel, 4 rows of STRIP_PATCH, and one more to avoid bank conflicts

// dz of two rows of STRIP positions: [2, STRIP, ROWS], four out_channels to a vector.
var<workgroup> staged_dz: array<vec4<f32>, 2u * STRIP * PITCH>;
// The four rows of x that they are multiplied by: [COLUMNS, LINE].
var<workgroup> staged_x: array<f32, COLUMNS * LINE>;

// Three rows, from `row` on, of one column of the staged in_channel `line`.
fn load_staged_column(line: u32, row: u32, column: u32) -> vec3<f32> {
    let i = line * LINE + row * STRIP_PATCH + column;
    return vec3(staged_x[i], staged_x[i + STRIP_PATCH], staged_x[i + 2u * STRIP_PATCH]);
}

// in_channels of a group of backward_w: a power of two, of which a thread has two. Where there are fewer than COLUMNS, as in
// the first convolution, several threads have the same, and share the positions; what they add up are different parts of the sum.
fn owned_channels() -> u32 {
    return clamp(1u << (32u - countLeadingZeros(in_channels - 1u)), 2u, COLUMNS);
}

// Four out_channels of the nine elements of a window, by row and column.
struct WindowSums {
    top: array<vec4<f32>, 3>,
    middle: array<vec4<f32>, 3>,
    bottom: array<vec4<f32>, 3>,
}

// The sums plus dz of one position times the three columns of x that the window meets there.
fn plus_position(sums: WindowSums, dz: vec4<f32>, first: vec3<f32>, second: vec3<f32>, third: vec3<f32>) -> WindowSums {
    return WindowSums(
        array(sums.top[0] + dz * first.x, sums.top[1] + dz * second.x, sums.top[2] + dz * third.x),
        array(sums.middle[0] + dz * first.y, sums.middle[1] + dz * second.y, sums.middle[2] + dz * third.y),
        array(sums.bottom[0] + dz * first.z, sums.bottom[1] + dz * second.z, sums.bottom[2] + dz * third.z));
}

// As conv2d's backward_w with dz for dy:
// dw[co, ci, kh, kw] = sum_{n, zh, zw} dz[n, co, zh, zw] * x[n, ci, zh + kh - 1, zw + kw - 1]
//
// In two passes, as there are many positions and few weights. In the first, group z of the grid adds up some rows of windows,
// part z of the sum, which goes to scratch[z, co, ci, kh, kw].
@compute @workgroup_size(WEIGHT_THREADS)
fn backward_w_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let rows = (p.batch * out_h + groups.z - 1u) / groups.z;
    let owned = owned_channels();
    let lines = owned / 2u;
    let line = thread % lines;
    let share = thread % LINES / lines; // of so many:
    let shares = LINES / lines;
    let channels = thread / LINES;
    // Shares differ in their row, where there is more than one, and in their columns.
    let first_row = select(0u, share % 2u, shares > 1u);
    let rows_of_share = select(2u, 1u, shares > 1u);
    let columns = STRIP / max(shares / 2u, 1u);
    let first_column = share / 2u * columns;
    var more_sums = WindowSums();
    var sums = WindowSums();
    for (var row = group.z * rows; row < min((group.z + 1u) * rows, p.batch * out_h); row++) {
        let n = row / out_h;
        let oh = i32(row % out_h);
        for (var left = 0u; left < out_w * 2u; left += STRIP) {
            for (var i = thread; i < STRIP / 2u * ROWS / 4u; i += WEIGHT_THREADS) {
                let column = i % (STRIP / 2u);
                let four = i / (STRIP / 2u);
                let co = group.y * ROWS + four * 4u;
                let ow = i32(left / 2u + column);
                let a = load_window_dz(n, co, oh, ow);
                let b = load_window_dz(n, co + 1u, oh, ow);
                let c = load_window_dz(n, co + 2u, oh, ow);
                let d = load_window_dz(n, co + 3u, oh, ow);
                let place = column * 2u * PITCH + four;
                staged_dz[place] = dz_at(0u, a, b, c, d);
                staged_dz[place + PITCH] = dz_at(1u, a, b, c, d);
                staged_dz[place + STRIP * PITCH] = dz_at(2u, a, b, c, d);
                staged_dz[place + (STRIP + 1u) * PITCH] = dz_at(3u, a, b, c, d);
            }
            for (var i = thread; i < owned * 4u * STRIP_PATCH; i += WEIGHT_THREADS) {
                let ci = i / (4u * STRIP_PATCH);
                let place = i % (4u * STRIP_PATCH);
                staged_x[ci * LINE + place] = load_x(n, group.x * owned + ci, 2 * oh + i32(place / STRIP_PATCH) - 1,
                    i32(left + place % STRIP_PATCH) - 1);
            }
            workgroupBarrier();
            for (var r = first_row; r < first_row + rows_of_share; r++) {
                // The window slides to the right: each column of x is loaded once.
                var first = load_staged_column(line, r, first_column);
                var second = load_staged_column(line, r, first_column + 1u);
                var more_first = load_staged_column(line + lines, r, first_column);
                var more_second = load_staged_column(line + lines, r, first_column + 1u);
                for (var c = first_column; c < first_column + columns; c++) {
                    let dz = staged_dz[(r * STRIP + c) * PITCH + channels];
                    let third = load_staged_column(line, r, c + 2u);
                    let more_third = load_staged_column(line + lines, r, c + 2u);
                    sums = plus_position(sums, dz, first, second, third);
                    more_sums = plus_position(more_sums, dz, more_first, more_second, more_third);
                    first = second;
                    second = third;
                    more_first = more_second;
                    more_second = more_third;
                }
            }
            workgroupBarrier();
        }
    }
    let co = group.y * ROWS + channels * 4u;
    let part = group.z * shares + share;
    store_window(part, co, group.x * owned + line, sums);
    store_window(part, co, group.x * owned + line + lines, more_sums);
}

// Four out_channels of all nine elements of the window, in part `part`.
fn store_window(part: u32, co: u32, ci: u32, sums: WindowSums) {
    store_partial_3x3(part, co, ci, 0u, sums.top[0]);
    store_partial_3x3(part, co, ci, 1u, sums.top[1]);
    store_partial_3x3(part, co, ci, 2u, sums.top[2]);
    store_partial_3x3(part, co, ci, 3u, sums.middle[0]);
    store_partial_3x3(part, co, ci, 4u, sums.middle[1]);
    store_partial_3x3(part, co, ci, 5u, sums.middle[2]);
    store_partial_3x3(part, co, ci, 6u, sums.bottom[0]);
    store_partial_3x3(part, co, ci, 7u, sums.bottom[1]);
    store_partial_3x3(part, co, ci, 8u, sums.bottom[2]);
}

// Four out_channels of one element of the window, in part `part`.
fn store_partial_3x3(part: u32, co: u32, ci: u32, tap: u32, four: vec4<f32>) {
    if (ci >= in_channels) { return; }
    let area = in_channels * 9u;
    let i = (part * out_channels + co) * area + ci * 9u + tap;
    if (co < out_channels) { scratch[i] = four.x; }
    if (co + 1u < out_channels) { scratch[i + area] = four.y; }
    if (co + 2u < out_channels) { scratch[i + area * 2u] = four.z; }
    if (co + 3u < out_channels) { scratch[i + area * 3u] = four.w; }
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
    let elements = out_channels * in_channels * 9u;
    let sum = sum_of_parts(element, elements, thread);
    if (thread < 16u && element < elements) { dw[element] = sum; }
}
