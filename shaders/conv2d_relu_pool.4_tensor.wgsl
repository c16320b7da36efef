// conv2d_relu_pool, rung 4: products of halves on tensor cores, summed up in f32
//
// Shapes      as in the plain file: x [batch, in_channels, in_h, in_w],
//             w [out_channels, in_channels, 3, 3], b [out_channels],
//             y [batch, out_channels, out_h, out_w], argmax [batch, out_channels, argmax_words];
//             dx, dw are shaped as x, w, and dy as y; scratch [parts, 3, 3, out_channels, in_channels] in backward_w, with
//             channels rounded up to whole tiles, and w as halves, as `packed`, in the others
// Subgroup    its threads together multiply matrices of SIDE x SIDE, 16 x 16 or 8 x 8: whichever the adapter has. It owns
//             2 * SIDE channels of four rows of SIDE positions, which are eight such matrices of sums; in backward_w SIDE
//             out_channels of SIDE in_channels, which are nine, one for each element of the window
// Workgroup   four subgroups, of 8 to 64 threads each: 4 * SIDE channels of a tile of 8 x SIDE positions; in backward_w
//             eight, 4 * SIDE out_channels of 2 * SIDE in_channels. They stage in workgroup memory, as halves, what they
//             share: for 16 channels of the sum at a time, in backward_w for 4 x SIDE positions at a time. Subgroups may be
//             smaller than the adapter's largest. Then there are more, and those only help to stage and to store
// Reads       for 8 products 4 matrices from workgroup memory and 2 from `packed`, in backward_w 10 for 9 from workgroup
//             memory; of buffers, for 9216 multiply-adds of a thread (of 128, with 16 x 16), 23 values of x in forward or of
//             dy, y and argmax in backward_x; in backward_w 26 values for 4608 (of 256). 8 x 8 reads twice as much for each
// Cost        the FLOP of the plain file, and some for nothing: channels and positions are rounded up to whole tiles.
//             19 KiB of workgroup memory (8 with 8 x 8). A first pass rounds w and puts it in order. Only for windows of 3x3,
//             stride 1, padding 1, pooling 2x2, and out_w a multiple of 4
//
// Improves on rung 3, which multiplies in f32: tensor cores multiply halves many times as fast. Buffers stay f32, and so do
// sums, bias, ReLU and pooling; x, w and dz are rounded to halves, which have 11 significant bits, on their way. It is used
// with `--precision mixed` alone. What limits it is staging: on an H100 it reaches 78 to 113 TFLOP/s, where its tensor cores
// do 800. The rung 4_tensor_8x8 is this file with other words in the lines that end with a star. The whole ladder:
// docs/ladder.md
//
// The convolution is a sum of products of matrices, one for each element `tap` of the window: [channels, SIDE] of w times
// [SIDE, positions] of x. The channels of a position are staged side by side. So the matrix of x for any tap is a
// part of the patch that begins at a multiple of PITCH, and one copy of the patch serves all nine.
//
// Of equal maxima the first wins, row by row; a NaN beats every number. argmax says where in its window the winner is:
// row * pool + column.

enable f16;
enable wgpu_cooperative_matrix;

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
// That same buffer in forward and backward_x: w in halves, in the order of use, made by a pass of its own.
@group(0) @binding(11) var<storage, read_write> packed: array<f16>;

override in_channels: u32;
override in_h: u32;
override in_w: u32;
override out_channels: u32;
override out_h: u32;
override out_w: u32;

const SIDE = 16u; // *
const SUBGROUPS = 4u; // that multiply
override SUBGROUP: u32 = 32u; // most threads of a subgroup
override THREADS: u32 = SUBGROUPS * SUBGROUP;
const ROWS = 4u * SIDE; // channels of a tile
const HEIGHT = 8u; // positions of a tile, HEIGHT x WIDTH
const WIDTH = SIDE;
const PATCH_HEIGHT = HEIGHT + 2u; // the same with the neighbours on both sides that a window of 3 reads
const PATCH_WIDTH = WIDTH + 2u;
const DEPTH = 16u; // channels of the sum that are staged at a time
// Halves from one position, or one row of factors, to the next. It is 8 more than DEPTH to avoid bank conflicts: the 16
// bytes of each of eight neighbouring rows, which are loaded at a time, lie in different banks. Vulkan wants rows to begin
// at multiples of 16 bytes, which are 8 halves.
const PITCH = DEPTH + 8u;
const SUMS_PITCH = SIDE + 4u; // f32 from one row of sums to the next, padded for the same reason
const SUMS = 2u * SIDE * SUMS_PITCH; // values of two matrices of sums

// x in forward, dz in backward_x, at the tile's positions and around them: [PATCH_HEIGHT, PATCH_WIDTH, channels of the sum].
var<workgroup> patches: array<f16, PATCH_HEIGHT * PATCH_WIDTH * PITCH>;
// Two matrices of sums of each subgroup: [SUBGROUPS, 2, SIDE, SIDE], channels by positions.
var<workgroup> results: array<f32, SUBGROUPS * SUMS>;

// ---- tensor cores: only this section uses them, so that a test can put plain arithmetic in its place.
//
// The threads of a subgroup hold a matrix together, each a part of it. `coopMultiplyAdd(a, b, c)` is a * b + c
// (SPIR-V's OpCooperativeMatrixMulAddKHR): the rows of a are rows of c, the columns of b are columns of c. coopLoadT and
// coopStoreT find element (row, column) at row * pitch + column (RowMajorKHR), and coopLoad at row + column * pitch
// (ColumnMajorKHR). Vulkan also wants these pointers to be multiples of 16 bytes: each i here is a multiple of 8 halves or
// of 4 sums, and each array above begins at a multiple of 16 bytes.
//
// With cooperative matrices naga 30 declares Vulkan's memory model. That model asks to mark accesses to workgroup memory as
// non-private, and barriers as making them available and visible; naga does neither. Drivers have to keep the order all the
// same: the thread that loads also stores to the same array, at places that a compiler cannot tell apart.

alias Left = coop_mat16x16<f16, A>; // *
alias Right = coop_mat16x16<f16, B>; // *
alias Sums = coop_mat16x16<f32, C>; // *

// Which of the workgroup's subgroups this thread is in.
fn subgroup_of(subgroup: u32, thread: u32) -> u32 {
    return subgroup;
}

// A matrix of w: rows are channels of the tile, columns are channels of the sum.
fn load_weights(i: u32) -> Left {
    return coopLoadT<Left>(&packed[i], DEPTH);
}

// A matrix of the patch: rows are channels of the sum, columns are positions.
fn load_positions(i: u32) -> Right {
    return coopLoad<Right>(&patches[i], PITCH);
}

// A matrix of dz: rows are out_channels, columns are positions.
fn load_gradients(i: u32) -> Left {
    return coopLoad<Left>(&staged_dz[i], DZ_PITCH);
}

// A matrix of x: rows are positions, columns are in_channels.
fn load_channels(i: u32) -> Right {
    return coopLoadT<Right>(&staged_x[i], X_PITCH);
}

fn plus_product(sums: Sums, left: Left, right: Right) -> Sums {
    return coopMultiplyAdd(left, right, sums);
}

// Into `results`, row by row.
fn store_sums(i: u32, sums: Sums) {
    coopStoreT(sums, &results[i], SUMS_PITCH);
}

// Into `scratch`, row by row: out_channels by in_channels.
fn store_partial_matrix(i: u32, sums: Sums) {
    coopStoreT(sums, &scratch[i], padded(in_channels, COLUMNS));
}

// ---- end of tensor cores

// v as a half, infinite where it is beyond the largest half, 65504: an adapter may round it down to that one instead, and
// nobody would see the overflow.
fn round_to_half(v: f32) -> f16 {
    return f16(select(v, v * 3.0e38, abs(v) >= 65520.0));
}

// Tested on the bits: a shader compiler may assume that there are no NaNs, and drop `v != v`.
fn is_nan4(v: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
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

// The sums of a subgroup: a0 to a3 are SIDE channels of its four rows of positions, b0 to b3 the next SIDE channels.
struct TensorTile {
    a0: Sums,
    a1: Sums,
    a2: Sums,
    a3: Sums,
    b0: Sums,
    b1: Sums,
    b2: Sums,
    b3: Sums,
}

// The sums plus the products of one element of the window, over SIDE of the staged channels.
fn plus_tap(sums: TensorTile, factor: u32, place: u32) -> TensorTile {
    let a = load_weights(factor);
    let b = load_weights(factor + SIDE * DEPTH);
    let row0 = load_positions(place);
    let row1 = load_positions(place + PATCH_WIDTH * PITCH);
    let row2 = load_positions(place + 2u * PATCH_WIDTH * PITCH);
    let row3 = load_positions(place + 3u * PATCH_WIDTH * PITCH);
    return TensorTile(plus_product(sums.a0, a, row0), plus_product(sums.a1, a, row1),
        plus_product(sums.a2, a, row2), plus_product(sums.a3, a, row3),
        plus_product(sums.b0, b, row0), plus_product(sums.b1, b, row1),
        plus_product(sums.b2, b, row2), plus_product(sums.b3, b, row3));
}

// The sums of subgroup `own` plus the products of the staged channels, block number `block` of `blocks`. `row` is the group's
// first of `rows` rows of packed.
fn plus_block(before: TensorTile, own: u32, block: u32, blocks: u32, row: u32, rows: u32) -> TensorTile {
    let own_row = row + own % 2u * 2u * SIDE;
    let own_place = own / 2u * 4u * PATCH_WIDTH * PITCH;
    var sums = before;
    for (var tap = 0u; tap < 9u; tap++) {
        let factor = ((tap * blocks + block) * rows + own_row) * DEPTH;
        let place = own_place + (tap / 3u * PATCH_WIDTH + tap % 3u) * PITCH;
        for (var d = 0u; d < DEPTH; d += SIDE) {
            sums = plus_tap(sums, factor + d, place + d);
        }
    }
    return sums;
}

// n rounded up to whole tiles.
fn padded(n: u32, tile: u32) -> u32 {
    return (n + tile - 1u) / tile * tile;
}

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// w for forward: [9 elements of the window, blocks of DEPTH in_channels, out_channels, DEPTH], 0 beyond the last channels.
@compute @workgroup_size(256)
fn pack_for_forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    let rows = padded(out_channels, ROWS);
    let terms = padded(in_channels, DEPTH);
    if (i >= 9u * terms * rows) { return; }
    let ci = i / (rows * DEPTH) % (terms / DEPTH) * DEPTH + i % DEPTH;
    packed[i] = round_to_half(load_w_3x3(i / DEPTH % rows, ci, i / (terms * rows)));
}

// The same for backward_x: [9 elements, blocks of DEPTH out_channels, in_channels, DEPTH], with the window turned upside down.
@compute @workgroup_size(256)
fn pack_for_backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    let rows = padded(in_channels, ROWS);
    let terms = padded(out_channels, DEPTH);
    if (i >= 9u * terms * rows) { return; }
    let co = i / (rows * DEPTH) % (terms / DEPTH) * DEPTH + i % DEPTH;
    packed[i] = round_to_half(load_w_3x3(co, i / DEPTH % rows, 8u - i / (terms * rows)));
}

// y[oh, ow] = the largest relu(conv2d) of the 2 x 2 window at (2 oh, 2 ow)
// A workgroup owns tile number group.x of picture group.z.
@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32) {
    let own = subgroup_of(subgroup, thread);
    let across = (out_w + WIDTH / 2u - 1u) / (WIDTH / 2u);
    let top = group.x / across * HEIGHT;
    let left = group.x % across * WIDTH;
    let n = group.z;
    var sums = TensorTile();
    for (var ci = 0u; ci < in_channels; ci += DEPTH) {
        for (var i = thread; i < DEPTH * PATCH_HEIGHT * PATCH_WIDTH; i += THREADS) {
            let d = i / (PATCH_HEIGHT * PATCH_WIDTH);
            let place = i % (PATCH_HEIGHT * PATCH_WIDTH);
            patches[place * PITCH + d] = round_to_half(load_x(n, ci + d, i32(top + place / PATCH_WIDTH) - 1,
                i32(left + place % PATCH_WIDTH) - 1));
        }
        workgroupBarrier();
        if (own < SUBGROUPS) {
            sums = plus_block(sums, own, ci / DEPTH, padded(in_channels, DEPTH) / DEPTH, group.y * ROWS,
                padded(out_channels, ROWS));
        }
        workgroupBarrier();
    }
    let co = group.y * ROWS;
    let oh = top / 2u;
    let ow = left / 2u;
    store_sums_pair(own, sums.a0, sums.a1);
    pool_sums_pair(n, co, oh, ow, thread);
    store_sums_pair(own, sums.a2, sums.a3);
    pool_sums_pair(n, co, oh + 1u, ow, thread);
    store_sums_pair(own, sums.b0, sums.b1);
    pool_sums_pair(n, co + SIDE, oh, ow, thread);
    store_sums_pair(own, sums.b2, sums.b3);
    pool_sums_pair(n, co + SIDE, oh + 1u, ow, thread);
}

// Stores two matrices of sums of subgroup `own` into its part of `results`, where every thread can read them.
fn store_sums_pair(own: u32, upper: Sums, lower: Sums) {
    // Until here, threads may still read the two before.
    workgroupBarrier();
    if (own < SUBGROUPS) {
        store_sums(own * SUMS, upper);
        store_sums(own * SUMS + SUMS / 2u, lower);
    }
    workgroupBarrier();
}

const WORDS = SIDE / 8u; // of argmax, for the windows of a row of SIDE positions

// Pools what all subgroups stored: two rows of SIDE positions in SIDE channels each, those of the first from first_co and
// row first_oh on. A thread pools four windows in a row, which make one word of argmax, of one channel.
fn pool_sums_pair(n: u32, first_co: u32, first_oh: u32, first_ow: u32, thread: u32) {
    for (var i = thread; i < SUBGROUPS * SIDE * WORDS; i += THREADS) {
        let own = i / (SIDE * WORDS);
        let channel = i / WORDS % SIDE;
        let co = first_co + own % 2u * 2u * SIDE + channel;
        let oh = first_oh + own / 2u * 2u;
        let ow = first_ow + i % WORDS * 4u;
        if (co < out_channels && oh < out_h && ow < out_w) {
            pool_word(n, co, oh, ow, own * SUMS + channel * SUMS_PITCH + i % WORDS * 8u);
        }
    }
}

// Pools four windows, from [oh, ow] on, whose upper row is in `results` from `upper` on.
fn pool_word(n: u32, co: u32, oh: u32, ow: u32, upper: u32) {
    let lower = upper + SUMS / 2u;
    let bias = vec4(load_b(co));
    let best = pool_window(
        vec4(results[upper], results[upper + 2u], results[upper + 4u], results[upper + 6u]) + bias,
        vec4(results[upper + 1u], results[upper + 3u], results[upper + 5u], results[upper + 7u]) + bias,
        vec4(results[lower], results[lower + 2u], results[lower + 4u], results[lower + 6u]) + bias,
        vec4(results[lower + 1u], results[lower + 3u], results[lower + 5u], results[lower + 7u]) + bias);
    let plane = n * out_channels + co;
    let o = oh * out_w + ow;
    y[(plane * out_h * out_w + o) / 4u] = best.value;
    argmax[plane * p.argmax_words + o / 4u] = best.k.x | (best.k.y << 8u) | (best.k.z << 16u) | (best.k.w << 24u);
}

// Windows of 2 x 2 that meet a patch: it begins at the second row and the second column of the first.
const ACROSS = PATCH_WIDTH / 2u + 1u;
const WINDOWS = (PATCH_HEIGHT / 2u + 1u) * ACROSS;

// dz of a window into the patch of staged channel d, whose row `bottom` and column `right` are the window's second ones.
fn stage_window_halves(d: u32, bottom: u32, right: u32, winner: WindowDz) {
    let value = round_to_half(winner.value);
    let i = (bottom * PATCH_WIDTH + right) * PITCH + d;
    let above = bottom > 0u;
    let below = bottom < PATCH_HEIGHT;
    if (above && right > 0u) { patches[i - (PATCH_WIDTH + 1u) * PITCH] = select(0.0h, value, winner.k == 0u); }
    if (above && right < PATCH_WIDTH) { patches[i - PATCH_WIDTH * PITCH] = select(0.0h, value, winner.k == 1u); }
    if (below && right > 0u) { patches[i - PITCH] = select(0.0h, value, winner.k == 2u); }
    if (below && right < PATCH_WIDTH) { patches[i] = select(0.0h, value, winner.k == 3u); }
}

// As conv2d's backward_x with dz for dy:
// dx[n, ci, ih, iw] = sum_{co, kh, kw} dz[n, co, ih + 1 - kh, iw + 1 - kw] * w[co, ci, kh, kw]
// That is forward's sum with dz for x and the window turned upside down: element tap becomes 8 - tap.
@compute @workgroup_size(THREADS)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32) {
    let own = subgroup_of(subgroup, thread);
    let across = (in_w + WIDTH - 1u) / WIDTH;
    let top = group.x / across * HEIGHT;
    let left = group.x % across * WIDTH;
    let n = group.z;
    var sums = TensorTile();
    for (var co = 0u; co < out_channels; co += DEPTH) {
        for (var i = thread; i < DEPTH * WINDOWS; i += THREADS) {
            let d = i / WINDOWS;
            let row = i % WINDOWS / ACROSS;
            let column = i % ACROSS;
            let winner = load_window_dz(n, co + d, i32(top / 2u + row) - 1, i32(left / 2u + column) - 1);
            stage_window_halves(d, row * 2u, column * 2u, winner);
        }
        workgroupBarrier();
        if (own < SUBGROUPS) {
            sums = plus_block(sums, own, co / DEPTH, padded(out_channels, DEPTH) / DEPTH, group.y * ROWS,
                padded(in_channels, ROWS));
        }
        workgroupBarrier();
    }
    let ci = group.y * ROWS;
    store_sums_pair(own, sums.a0, sums.a1);
    store_dx_pair(n, ci, top, left, thread);
    store_sums_pair(own, sums.a2, sums.a3);
    store_dx_pair(n, ci, top + 2u, left, thread);
    store_sums_pair(own, sums.b0, sums.b1);
    store_dx_pair(n, ci + SIDE, top, left, thread);
    store_sums_pair(own, sums.b2, sums.b3);
    store_dx_pair(n, ci + SIDE, top + 2u, left, thread);
}

// Stores what all subgroups stored to dx, as pool_sums_pair does to y: SIDE threads one row of one channel.
fn store_dx_pair(n: u32, first_ci: u32, first_ih: u32, left: u32, thread: u32) {
    for (var i = thread; i < SUBGROUPS * 2u * SIDE * SIDE; i += THREADS) {
        let own = i / (2u * SIDE * SIDE);
        let row = i / SIDE % (2u * SIDE); // of the two matrices
        let ci = first_ci + own % 2u * 2u * SIDE + row % SIDE;
        let ih = first_ih + own / 2u * 4u + row / SIDE;
        let iw = left + i % SIDE;
        if (ci < in_channels && ih < in_h && iw < in_w) {
            dx[((n * in_channels + ci) * in_h + ih) * in_w + iw] =
                results[own * SUMS + row * SUMS_PITCH + i % SIDE];
        }
    }
}

const WEIGHT_SUBGROUPS = 8u; // that multiply in backward_w
override WEIGHT_THREADS: u32 = WEIGHT_SUBGROUPS * SUBGROUP;
const COLUMNS = 2u * SIDE; // in_channels of a workgroup of backward_w
const POSITION_ROWS = 4u; // rows of positions that it stages at a time, two of windows
// Halves from one position to the next, padded as PITCH.
const DZ_PITCH = ROWS + 8u;
const X_PITCH = COLUMNS + 8u;

// dz of a few rows of WIDTH positions: [POSITION_ROWS, WIDTH, out_channels].
var<workgroup> staged_dz: array<f16, POSITION_ROWS * WIDTH * DZ_PITCH>;
// x at these positions and around them: [POSITION_ROWS + 2, PATCH_WIDTH, in_channels].
var<workgroup> staged_x: array<f16, X_POSITIONS * X_PITCH>;

// The sums of three elements of a window, each a matrix of out_channels by in_channels.
struct TensorRow {
    k0: Sums,
    k1: Sums,
    k2: Sums,
}

// The sums plus the products over SIDE positions, a row of dz and the row of x that each element meets.
fn plus_positions(sums: TensorRow, dz: Left, place: u32) -> TensorRow {
    return TensorRow(plus_product(sums.k0, dz, load_channels(place)),
        plus_product(sums.k1, dz, load_channels(place + X_PITCH)),
        plus_product(sums.k2, dz, load_channels(place + 2u * X_PITCH)));
}

// As conv2d's backward_w with dz for dy:
// dw[co, ci, kh, kw] = sum_{n, zh, zw} dz[n, co, zh, zw] * x[n, ci, zh + kh - 1, zw + kw - 1]
//
// In two passes, as there are many positions and few weights. In the first, group z of the grid adds up some pairs of rows of
// windows, part z of the sum, which goes to scratch[z, kh, kw, co, ci], where channels are rounded up to whole tiles.
@compute @workgroup_size(WEIGHT_THREADS)
fn backward_w_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let own = subgroup_of(subgroup, thread);
    let pairs = (out_h + 1u) / 2u; // of a picture
    let share = (p.batch * pairs + groups.z - 1u) / groups.z;
    var top = TensorRow();
    var middle = TensorRow();
    var bottom = TensorRow();
    for (var pair = group.z * share; pair < min((group.z + 1u) * share, p.batch * pairs); pair++) {
        let n = pair / pairs;
        let oh = pair % pairs * 2u;
        for (var left = 0u; left < out_w * 2u; left += WIDTH) {
            stage_dz(n, group.y * ROWS, oh, left / 2u, thread);
            stage_x(n, group.x * COLUMNS, oh * 2u, left, thread);
            workgroupBarrier();
            if (own < WEIGHT_SUBGROUPS) {
                for (var row = 0u; row < POSITION_ROWS; row++) {
                    let dz = load_gradients(row * WIDTH * DZ_PITCH + own / 2u * SIDE);
                    let place = row * PATCH_WIDTH * X_PITCH + own % 2u * SIDE;
                    top = plus_positions(top, dz, place);
                    middle = plus_positions(middle, dz, place + PATCH_WIDTH * X_PITCH);
                    bottom = plus_positions(bottom, dz, place + 2u * PATCH_WIDTH * X_PITCH);
                }
            }
            workgroupBarrier();
        }
    }
    if (own >= WEIGHT_SUBGROUPS) { return; }
    let across = padded(in_channels, COLUMNS);
    let area = padded(out_channels, ROWS) * across;
    let first = group.z * 9u * area + (group.y * ROWS + own / 2u * SIDE) * across + group.x * COLUMNS + own % 2u * SIDE;
    store_partial_row(first, area, top);
    store_partial_row(first + 3u * area, area, middle);
    store_partial_row(first + 6u * area, area, bottom);
}

// The sums of a row of the window, whose elements are `area` values apart in scratch.
fn store_partial_row(first: u32, area: u32, sums: TensorRow) {
    store_partial_matrix(first, sums.k0);
    store_partial_matrix(first + area, sums.k1);
    store_partial_matrix(first + 2u * area, sums.k2);
}

// dz of two rows of windows, from [oh, ow] on, in ROWS out_channels from first_co on.
fn stage_dz(n: u32, first_co: u32, oh: u32, ow: u32, thread: u32) {
    for (var i = thread; i < POSITION_ROWS / 2u * ROWS * WIDTH / 2u; i += WEIGHT_THREADS) {
        let column = i % (WIDTH / 2u);
        let co = i / (WIDTH / 2u) % ROWS;
        let row = i / (WIDTH / 2u * ROWS);
        let winner = load_window_dz(n, first_co + co, i32(oh + row), i32(ow + column));
        let value = round_to_half(winner.value);
        let at = (row * 2u * WIDTH + column * 2u) * DZ_PITCH + co;
        staged_dz[at] = select(0.0h, value, winner.k == 0u);
        staged_dz[at + DZ_PITCH] = select(0.0h, value, winner.k == 1u);
        staged_dz[at + WIDTH * DZ_PITCH] = select(0.0h, value, winner.k == 2u);
        staged_dz[at + (WIDTH + 1u) * DZ_PITCH] = select(0.0h, value, winner.k == 3u);
    }
}

const X_POSITIONS = (POSITION_ROWS + 2u) * PATCH_WIDTH;

// x around the positions from [top, left] on, in COLUMNS in_channels from first_ci on.
fn stage_x(n: u32, first_ci: u32, top: u32, left: u32, thread: u32) {
    for (var i = thread; i < COLUMNS * X_POSITIONS; i += WEIGHT_THREADS) {
        let ci = i / X_POSITIONS;
        let place = i % X_POSITIONS;
        staged_x[place * X_PITCH + ci] = round_to_half(load_x(n, first_ci + ci, i32(top + place / PATCH_WIDTH) - 1,
            i32(left + place % PATCH_WIDTH) - 1));
    }
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

// The second pass adds up the parts. A group owns 16 elements of scratch.
@compute @workgroup_size(256)
fn backward_w(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(num_workgroups) groups: vec3<u32>) {
    let across = padded(in_channels, COLUMNS);
    let down = padded(out_channels, ROWS);
    let element = (group.y * groups.x + group.x) * 16u + thread % 16u;
    let sum = sum_of_parts(element, 9u * down * across, thread);
    let tap = element / (down * across);
    let co = element / across % down;
    let ci = element % across;
    if (thread < 16u && tap < 9u && co < out_channels && ci < in_channels) {
        dw[(co * in_channels + ci) * 9u + tap] = sum;
    }
}
