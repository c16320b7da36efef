// conv2d_relu_pool, textures: tiles of 32 x 16 sums in registers, factors fetched from textures
//
// Shapes      as in the plain file: x [batch, in_channels, in_h, in_w],
//             w [out_channels, in_channels, 3, 3], b [out_channels],
//             y [batch, out_channels, out_h, out_w], argmax [batch, out_channels, argmax_words];
//             dx, dw are shaped as x, w, and dy as y; scratch [2, elements of y], and in backward_w then
//             [splits, elements of dw]. A texture holds the values of the buffer of its name, and gated those of scratch,
//             WIDTH values to a row of the texture
// One thread  owns 32 channels (rows) of a patch of 2 x 8 positions. forward: out_channels of the positions that become
//             one word of argmax; backward_x: in_channels of 2 x 8 of dx. backward_w: 32 out_channels of the nine elements
//             of one in_channel's window
// Workgroup   8 threads, which share the factor that belongs to the rows by broadcasts
// Reads       32 fetches for 1536 multiply-adds in forward, 36 for 1536 in backward_x, 16 for 1152 in backward_w
// Cost        the FLOP of the plain file, and some for nothing: channels are rounded up to 32, dx to patches of 2 x 8. Only
//             for windows of 3x3, stride 1, padding 1, pooling 2x2, and out_w a multiple of 4, so that a word of argmax
//             lies in one row
//
// It is made for software adapters, and the default there. On lavapipe a load from a buffer or from workgroup memory goes
// through the lanes one by one, and takes 50 to 200 ns; a texture fetch is done for all lanes at once, in 9 to 30 ns. Also, a
// sum gets three or four terms at a time while it is in a register, which alone makes it half as fast again. GFLOP/s of two
// cores, tiles like those of conv2d's lanes -> this, where multiplying and adding alone reaches 48:
//   x [32, 64, 32, 32] -> 128 channels    forward 10 -> 30      backward_x 7 -> 28       backward_w 10 -> 27
//   x [32, 128, 16, 16] -> 256 channels   forward 10 -> 33      backward_x 7 -> 31       backward_w 10 -> 35
// Tried there without gain: factors cached in private arrays (a variable index becomes a chain of selects), loads of vec4
// (as slow as four loads), tiles of 16 rows or of 8 columns (10 to 30 % slower), all nine elements of the window at a time
// (no faster, and three times as long to compile).
//
// Of equal maxima the first wins, row by row; a NaN beats every number. argmax says where in its window the winner is:
// row * pool + column. Subgroups must have 8 lanes or more. Which thread is which lane does not matter. GPUs have a ladder of
// their own: docs/ladder.md

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
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var w: texture_2d<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;
@group(0) @binding(8) var<storage, read_write> dw: array<f32>;
@group(0) @binding(10) var<storage, read_write> scratch: array<f32>;
@group(0) @binding(11) var gated: texture_2d<f32>;

override in_channels: u32;
override in_h: u32;
override in_w: u32;
override out_channels: u32;
override out_h: u32;
override out_w: u32;

// Windows of the pooling that one workgroup of backward_w adds up. About as many: it takes whole rows.
override WINDOWS: u32;

const ROWS = 32u; // channels in a tile: eight lanes fetch four each
const LANES = 8u; // threads of a workgroup
const WIDTH = 8192u; // of a texture: as large as WebGPU's default limits allow

// Four channels of the 2 x 8 positions of a thread: a and b hold the upper row, c and d the lower one.
struct PatchSums {
    a: mat4x4<f32>,
    b: mat4x4<f32>,
    c: mat4x4<f32>,
    d: mat4x4<f32>,
}

// A thread's 32 x 16 sums. Only ever indexed by literals: a variable index would move all of it from registers to memory.
alias PatchTile = array<PatchSums, ROWS / 4u>;

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

// Adds three terms to all 512 sums: `first` meets the places 0 to 7 of the runs, `second` 1 to 8, `third` 2 to 9. Each of
// the subgroup's first eight lanes has fetched four of the 32 rows, and broadcasts them to all lanes: 32 factors for four
// fetches.
fn add_three(tile: ptr<function, PatchTile>, first: vec4<f32>, second: vec4<f32>, third: vec4<f32>, upper: Run,
    lower: Run) {
    (*tile)[0] = plus_three((*tile)[0], subgroupBroadcast(first, 0u), subgroupBroadcast(second, 0u),
        subgroupBroadcast(third, 0u), upper, lower);
    (*tile)[1] = plus_three((*tile)[1], subgroupBroadcast(first, 1u), subgroupBroadcast(second, 1u),
        subgroupBroadcast(third, 1u), upper, lower);
    (*tile)[2] = plus_three((*tile)[2], subgroupBroadcast(first, 2u), subgroupBroadcast(second, 2u),
        subgroupBroadcast(third, 2u), upper, lower);
    (*tile)[3] = plus_three((*tile)[3], subgroupBroadcast(first, 3u), subgroupBroadcast(second, 3u),
        subgroupBroadcast(third, 3u), upper, lower);
    (*tile)[4] = plus_three((*tile)[4], subgroupBroadcast(first, 4u), subgroupBroadcast(second, 4u),
        subgroupBroadcast(third, 4u), upper, lower);
    (*tile)[5] = plus_three((*tile)[5], subgroupBroadcast(first, 5u), subgroupBroadcast(second, 5u),
        subgroupBroadcast(third, 5u), upper, lower);
    (*tile)[6] = plus_three((*tile)[6], subgroupBroadcast(first, 6u), subgroupBroadcast(second, 6u),
        subgroupBroadcast(third, 6u), upper, lower);
    (*tile)[7] = plus_three((*tile)[7], subgroupBroadcast(first, 7u), subgroupBroadcast(second, 7u),
        subgroupBroadcast(third, 7u), upper, lower);
}

// Rows 4 i to 4 i + 3 of a tile, for the loops that store it. A switch, because a tile is indexed by literals only.
fn pick_patch(tile: PatchTile, i: u32) -> PatchSums {
    switch i {
        case 0u: { return tile[0]; }
        case 1u: { return tile[1]; }
        case 2u: { return tile[2]; }
        case 3u: { return tile[3]; }
        case 4u: { return tile[4]; }
        case 5u: { return tile[5]; }
        case 6u: { return tile[6]; }
        default: { return tile[7]; }
    }
}

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Tested on the bits: a shader compiler may assume that there are no NaNs, and drop `v != v`.
fn is_nan4(v: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
}

// Value i of a buffer that was copied into a texture. A fetch outside of it does no harm; its value is not used.
fn fetch(values: texture_2d<f32>, i: u32) -> f32 {
    return textureLoad(values, vec2(i % WIDTH, i / WIDTH), 0).x;
}

// w of out_channels co to co + 3, for one in_channel and one element of the window, tap = kh * 3 + kw. Beyond the last
// channel the last one is fetched again: those sums are not stored.
fn fetch_w_out_channels(co: u32, ci: u32, tap: u32) -> vec4<f32> {
    let last = out_channels - 1u;
    let step = in_channels * 9u;
    let at = ci * 9u + tap;
    return vec4(fetch(w, min(co, last) * step + at), fetch(w, min(co + 1u, last) * step + at),
        fetch(w, min(co + 2u, last) * step + at), fetch(w, min(co + 3u, last) * step + at));
}

// The same for in_channels ci to ci + 3 of one out_channel.
fn fetch_w_in_channels(co: u32, ci: u32, tap: u32) -> vec4<f32> {
    let last = in_channels - 1u;
    let at = co * in_channels * 9u + tap;
    return vec4(fetch(w, at + min(ci, last) * 9u), fetch(w, at + min(ci + 1u, last) * 9u),
        fetch(w, at + min(ci + 2u, last) * 9u), fetch(w, at + min(ci + 3u, last) * 9u));
}

// b[co], or 0 beyond the last channel.
fn load_b(co: u32) -> f32 {
    if (co >= p.out_channels) { return 0.0; }
    return b[co];
}

// A row of a picture: where it starts, and its length. A row outside of the picture has length 0, and reads as zeros.
struct Line {
    start: u32,
    len: u32,
}

// Row ih of x[n, ci]; ih may lie outside. A negative i32 is a very large u32, so one comparison checks both ends.
fn locate_x_texels(n: u32, ci: u32, ih: i32) -> Line {
    let inside = n < p.batch && ci < in_channels && u32(ih) < in_h;
    return Line(((n * in_channels + ci) * in_h + u32(ih)) * in_w, select(0u, in_w, inside));
}

// x at column iw of a row, or 0 outside.
fn fetch_x(line: Line, iw: i32) -> f32 {
    return select(0.0, fetch(x, line.start + u32(iw)), u32(iw) < line.len);
}

// x at column iw of a row and its nine neighbours to the right.
fn fetch_x_run(line: Line, iw: i32) -> Run {
    return Run(vec4(fetch_x(line, iw), fetch_x(line, iw + 1), fetch_x(line, iw + 2), fetch_x(line, iw + 3)),
        vec4(fetch_x(line, iw + 4), fetch_x(line, iw + 5), fetch_x(line, iw + 6), fetch_x(line, iw + 7)),
        vec2(fetch_x(line, iw + 8), fetch_x(line, iw + 9)));
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

// y[oh, ow] = the largest relu(conv2d) of the 2 x 2 window at (2 oh, 2 ow)
// A thread owns one word of argmax, that is four elements of y, and the 2 x 8 positions of their windows. A line is one row
// of the window in one channel.
@compute @workgroup_size(LANES)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    let word = group.x * LANES + thread;
    let n = word / p.argmax_words;
    let o = word % p.argmax_words * 4u;
    let oh = o / out_w;
    let left = i32(o % out_w * 2u) - 1;
    let co0 = group.y * ROWS;
    let lane_co = co0 + lane % 8u * 4u;
    var tile = PatchTile();
    for (var line = 0u; line < in_channels * 3u; line++) {
        let ci = line / 3u;
        let tap = line % 3u * 3u;
        let top = i32(oh * 2u + line % 3u) - 1;
        let upper = fetch_x_run(locate_x_texels(n, ci, top), left);
        let lower = fetch_x_run(locate_x_texels(n, ci, top + 1), left);
        add_three(&tile, fetch_w_out_channels(lane_co, ci, tap), fetch_w_out_channels(lane_co, ci, tap + 1u),
            fetch_w_out_channels(lane_co, ci, tap + 2u), upper, lower);
    }
    if (n >= p.batch) { return; }
    for (var i = 0u; i < ROWS / 4u; i++) {
        store_windows(n, co0 + 4u * i, o, pick_patch(tile, i));
    }
}

// Adds the bias to a thread's 2 x 8 sums, pools the four windows that they make, and stores y and argmax.
fn store_windows(n: u32, co: u32, o: u32, sums: PatchSums) {
    let bias = vec4(load_b(co), load_b(co + 1u), load_b(co + 2u), load_b(co + 3u));
    let first = pool_window(sums.a[0] + bias, sums.a[1] + bias, sums.c[0] + bias, sums.c[1] + bias);
    let second = pool_window(sums.a[2] + bias, sums.a[3] + bias, sums.c[2] + bias, sums.c[3] + bias);
    let third = pool_window(sums.b[0] + bias, sums.b[1] + bias, sums.d[0] + bias, sums.d[1] + bias);
    let fourth = pool_window(sums.b[2] + bias, sums.b[3] + bias, sums.d[2] + bias, sums.d[3] + bias);
    store_y_pooled(n, co, o, first.value);
    store_y_pooled(n, co, o + 1u, second.value);
    store_y_pooled(n, co, o + 2u, third.value);
    store_y_pooled(n, co, o + 3u, fourth.value);
    let packed = first.k | (second.k << vec4(8u)) | (third.k << vec4(16u)) | (fourth.k << vec4(24u));
    store_argmax(n, co, o, packed);
}

// y of four out_channels for window o.
fn store_y_pooled(n: u32, co: u32, o: u32, four: vec4<f32>) {
    let area = p.out_h * out_w;
    let i = (n * p.out_channels + co) * area + o;
    if (co < p.out_channels) { y[i] = four.x; }
    if (co + 1u < p.out_channels) { y[i + area] = four.y; }
    if (co + 2u < p.out_channels) { y[i + area * 2u] = four.z; }
    if (co + 3u < p.out_channels) { y[i + area * 3u] = four.w; }
}

// One word of argmax, that is windows o to o + 3, of each of four out_channels.
fn store_argmax(n: u32, co: u32, o: u32, packed: vec4<u32>) {
    let i = (n * p.out_channels + co) * p.argmax_words + o / 4u;
    if (co < p.out_channels) { argmax[i] = packed.x; }
    if (co + 1u < p.out_channels) { argmax[i + p.argmax_words] = packed.y; }
    if (co + 2u < p.out_channels) { argmax[i + p.argmax_words * 2u] = packed.z; }
    if (co + 3u < p.out_channels) { argmax[i + p.argmax_words * 3u] = packed.w; }
}

// How many there are.
fn elements_of_y() -> u32 {
    return p.batch * out_channels * out_h * out_w;
}

// First pass of backward_x and backward_w. Pooling hands dy to the window's winner only, and ReLU passes it on only where y
// is above 0. scratch gets, for each window, the gradient of its winner, and after all of those the winners' places in
// their windows, as f32.
@compute @workgroup_size(256)
fn gate(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= elements_of_y()) { return; }
    let o = i % (out_h * out_w);
    let word = argmax[i / (out_h * out_w) * p.argmax_words + o / 4u];
    scratch[i] = select(0.0, dy[i], y[i] > 0.0);
    scratch[elements_of_y() + i] = f32((word >> (8u * (o % 4u))) & 255u);
}

// dz, the gradient of the convolution's output, at the two columns of window ow. It is stored nowhere, but made from what
// the gate left. `row` is the row of y, and k the place in the window of the left of the two columns.
fn fetch_dz_two(row: Line, k: f32, ow: i32) -> vec2<f32> {
    let i = row.start + u32(ow);
    let dz = select(0.0, fetch(gated, i), u32(ow) < row.len);
    let winner = fetch(gated, elements_of_y() + i);
    return vec2(select(0.0, dz, winner == k), select(0.0, dz, winner == k + 1.0));
}

// dz[n, co, zh, 2 ow - 1] and its nine neighbours to the right, from six windows; zh may lie outside.
fn fetch_dz_run(n: u32, co: u32, zh: i32, ow: i32) -> Run {
    let oh = u32(zh) / 2u;
    let inside = n < p.batch && zh >= 0 && oh < out_h;
    let row = Line(((n * out_channels + co) * out_h + oh) * out_w, select(0u, out_w, inside));
    let k = f32(u32(zh) % 2u * 2u);
    let first = fetch_dz_two(row, k, ow - 1);
    let second = fetch_dz_two(row, k, ow);
    let third = fetch_dz_two(row, k, ow + 1);
    let fourth = fetch_dz_two(row, k, ow + 2);
    let fifth = fetch_dz_two(row, k, ow + 3);
    let sixth = fetch_dz_two(row, k, ow + 4);
    return Run(vec4(first.y, second, third.x), vec4(third.y, fourth, fifth.x), vec2(fifth.y, sixth.x));
}

// As conv2d's backward_x with dz for dy:
// dx[n, ci, ih, iw] = sum_{co, kh, kw} dz[n, co, ih + 1 - kh, iw + 1 - kw] * w[co, ci, kh, kw]
// A thread's patch starts at an even row and an even column, as the windows of the pooling do.
@compute @workgroup_size(LANES)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    let across = (in_w + 7u) / 8u;
    let down = (in_h + 1u) / 2u;
    let patch_index = group.x * LANES + thread;
    let n = patch_index / across / down;
    let ih = patch_index / across % down * 2u;
    let iw = patch_index % across * 8u;
    let ci0 = group.y * ROWS;
    let lane_ci = ci0 + lane % 8u * 4u;
    var tile = PatchTile();
    for (var line = 0u; line < out_channels * 3u; line++) {
        let co = line / 3u;
        let tap = line % 3u * 3u;
        let zh = i32(ih + 1u) - i32(line % 3u);
        let upper = fetch_dz_run(n, co, zh, i32(iw / 2u));
        let lower = fetch_dz_run(n, co, zh + 1, i32(iw / 2u));
        add_three(&tile, fetch_w_in_channels(co, lane_ci, tap + 2u), fetch_w_in_channels(co, lane_ci, tap + 1u),
            fetch_w_in_channels(co, lane_ci, tap), upper, lower);
    }
    if (n >= p.batch) { return; }
    for (var i = 0u; i < ROWS / 4u; i++) {
        let sums = pick_patch(tile, i);
        let ci = ci0 + 4u * i;
        for (var j = 0u; j < 4u; j++) {
            store_dx(n, ci, ih, iw + j, sums.a[j]);
            store_dx(n, ci, ih, iw + 4u + j, sums.b[j]);
            store_dx(n, ci, ih + 1u, iw + j, sums.c[j]);
            store_dx(n, ci, ih + 1u, iw + 4u + j, sums.d[j]);
        }
    }
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

// Four out_channels of the nine elements of a window, one matrix for each row.
struct WindowMatrices {
    top: mat3x4<f32>,
    middle: mat3x4<f32>,
    bottom: mat3x4<f32>,
}

// A thread's 32 x 9 sums in backward_w. Only ever indexed by literals, as PatchTile.
alias WindowTile = array<WindowMatrices, ROWS / 4u>;

// x in the 4 x 4 positions that a pooling window's four positions read: columns 2 ow - 1 to 2 ow + 2 of four rows.
struct Patch {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
}

// One row of the window's sums, kw = 0, 1, 2, plus four terms each: one for each position of a pooling window. k0 to k3 are
// dz there, row by row; `upper` and `lower` are the two rows of x that they meet.
fn plus_four(sums: mat3x4<f32>, k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>, upper: vec4<f32>,
    lower: vec4<f32>) -> mat3x4<f32> {
    return mat3x4(sums[0] + k0 * upper.x + k1 * upper.y + k2 * lower.x + k3 * lower.y,
        sums[1] + k0 * upper.y + k1 * upper.z + k2 * lower.y + k3 * lower.z,
        sums[2] + k0 * upper.z + k1 * upper.w + k2 * lower.z + k3 * lower.w);
}

// The same for all three rows.
fn plus_windows(sums: WindowMatrices, k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>,
    x4: Patch) -> WindowMatrices {
    return WindowMatrices(plus_four(sums.top, k0, k1, k2, k3, x4.a, x4.b),
        plus_four(sums.middle, k0, k1, k2, k3, x4.b, x4.c),
        plus_four(sums.bottom, k0, k1, k2, k3, x4.c, x4.d));
}

// Adds four terms to all 288 sums. Factors are shared as in add_three.
fn add_windows(tile: ptr<function, WindowTile>, k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>, x4: Patch) {
    (*tile)[0] = plus_windows((*tile)[0], subgroupBroadcast(k0, 0u), subgroupBroadcast(k1, 0u),
        subgroupBroadcast(k2, 0u), subgroupBroadcast(k3, 0u), x4);
    (*tile)[1] = plus_windows((*tile)[1], subgroupBroadcast(k0, 1u), subgroupBroadcast(k1, 1u),
        subgroupBroadcast(k2, 1u), subgroupBroadcast(k3, 1u), x4);
    (*tile)[2] = plus_windows((*tile)[2], subgroupBroadcast(k0, 2u), subgroupBroadcast(k1, 2u),
        subgroupBroadcast(k2, 2u), subgroupBroadcast(k3, 2u), x4);
    (*tile)[3] = plus_windows((*tile)[3], subgroupBroadcast(k0, 3u), subgroupBroadcast(k1, 3u),
        subgroupBroadcast(k2, 3u), subgroupBroadcast(k3, 3u), x4);
    (*tile)[4] = plus_windows((*tile)[4], subgroupBroadcast(k0, 4u), subgroupBroadcast(k1, 4u),
        subgroupBroadcast(k2, 4u), subgroupBroadcast(k3, 4u), x4);
    (*tile)[5] = plus_windows((*tile)[5], subgroupBroadcast(k0, 5u), subgroupBroadcast(k1, 5u),
        subgroupBroadcast(k2, 5u), subgroupBroadcast(k3, 5u), x4);
    (*tile)[6] = plus_windows((*tile)[6], subgroupBroadcast(k0, 6u), subgroupBroadcast(k1, 6u),
        subgroupBroadcast(k2, 6u), subgroupBroadcast(k3, 6u), x4);
    (*tile)[7] = plus_windows((*tile)[7], subgroupBroadcast(k0, 7u), subgroupBroadcast(k1, 7u),
        subgroupBroadcast(k2, 7u), subgroupBroadcast(k3, 7u), x4);
}

// As pick_patch.
fn pick_windows(tile: WindowTile, i: u32) -> WindowMatrices {
    switch i {
        case 0u: { return tile[0]; }
        case 1u: { return tile[1]; }
        case 2u: { return tile[2]; }
        case 3u: { return tile[3]; }
        case 4u: { return tile[4]; }
        case 5u: { return tile[5]; }
        case 6u: { return tile[6]; }
        default: { return tile[7]; }
    }
}

// What the gate left for out_channels co to co + 3 of image n: the gradients of the winner of one window, or its places,
// depending on `at`. Beyond the last channel the last one is fetched again: those sums are not stored.
fn fetch_gated_four(n: u32, co: u32, at: u32) -> vec4<f32> {
    let last = out_channels - 1u;
    let area = out_h * out_w;
    let start = n * out_channels * area + at;
    return vec4(fetch(gated, start + min(co, last) * area), fetch(gated, start + min(co + 1u, last) * area),
        fetch(gated, start + min(co + 2u, last) * area), fetch(gated, start + min(co + 3u, last) * area));
}

// As conv2d's backward_w with dz for dy:
// dw[co, ci, kh, kw] = sum_{n, zh, zw} dz[n, co, zh, zw] * x[n, ci, zh + kh - 1, zw + kw - 1]
//
// In two passes after the gate, as there are many positions and few weights. In the first a workgroup adds up some rows of
// windows, about WINDOWS windows, into scratch, after what the gate left there. A thread's columns are the nine elements of
// its in_channel's window.
@compute @workgroup_size(LANES)
fn backward_w_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    let ci = group.x * LANES + thread;
    let co0 = group.y * ROWS;
    let lane_co = co0 + lane % 8u * 4u;
    let rows = max(1u, WINDOWS / out_w);
    var tile = WindowTile();
    for (var row = group.z * rows; row < min((group.z + 1u) * rows, p.batch * out_h); row++) {
        let n = row / out_h;
        let oh = row % out_h;
        let top = i32(oh * 2u) - 1;
        let line_a = locate_x_texels(n, ci, top);
        let line_b = locate_x_texels(n, ci, top + 1);
        let line_c = locate_x_texels(n, ci, top + 2);
        let line_d = locate_x_texels(n, ci, top + 3);
        // Column -1, which is padding, and column 0, in the right half: the first window moves them into the left half.
        var x4 = Patch(vec4(0.0, 0.0, 0.0, fetch_x(line_a, 0)), vec4(0.0, 0.0, 0.0, fetch_x(line_b, 0)),
            vec4(0.0, 0.0, 0.0, fetch_x(line_c, 0)), vec4(0.0, 0.0, 0.0, fetch_x(line_d, 0)));
        for (var ow = 0u; ow < out_w; ow++) {
            let right = i32(ow * 2u) + 1;
            x4 = Patch(vec4(x4.a.zw, fetch_x(line_a, right), fetch_x(line_a, right + 1)),
                vec4(x4.b.zw, fetch_x(line_b, right), fetch_x(line_b, right + 1)),
                vec4(x4.c.zw, fetch_x(line_c, right), fetch_x(line_c, right + 1)),
                vec4(x4.d.zw, fetch_x(line_d, right), fetch_x(line_d, right + 1)));
            let dz = fetch_gated_four(n, lane_co, oh * out_w + ow);
            let winner = fetch_gated_four(n, lane_co, elements_of_y() + oh * out_w + ow);
            let zero = vec4<f32>();
            add_windows(&tile, select(zero, dz, winner == zero), select(zero, dz, winner == vec4(1.0)),
                select(zero, dz, winner == vec4(2.0)), select(zero, dz, winner == vec4(3.0)), x4);
        }
    }
    for (var i = 0u; i < ROWS / 4u; i++) {
        let sums = pick_windows(tile, i);
        let co = co0 + 4u * i;
        for (var kw = 0u; kw < 3u; kw++) {
            store_partial_after_gate(group.z, co, ci, kw, sums.top[kw]);
            store_partial_after_gate(group.z, co, ci, 3u + kw, sums.middle[kw]);
            store_partial_after_gate(group.z, co, ci, 6u + kw, sums.bottom[kw]);
        }
    }
}

// Four out_channels of one element of the window, in split `split`, after what the gate left.
fn store_partial_after_gate(split: u32, co: u32, ci: u32, tap: u32, four: vec4<f32>) {
    if (ci >= p.in_channels) { return; }
    let area = p.in_channels * 9u;
    let i = 2u * elements_of_y() + (split * p.out_channels + co) * area + ci * 9u + tap;
    if (co < p.out_channels) { scratch[i] = four.x; }
    if (co + 1u < p.out_channels) { scratch[i + area] = four.y; }
    if (co + 2u < p.out_channels) { scratch[i + area * 2u] = four.z; }
    if (co + 3u < p.out_channels) { scratch[i + area * 3u] = four.w; }
}

// The last pass adds up the parts, always in the same order.
@compute @workgroup_size(256)
fn backward_w(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    let weights = out_channels * in_channels * 9u;
    if (element >= weights) { return; }
    let rows = max(1u, WINDOWS / out_w);
    let splits = (p.batch * out_h + rows - 1u) / rows;
    var sum = 0.0;
    for (var i = 0u; i < splits; i++) {
        sum += scratch[2u * elements_of_y() + i * weights + element];
    }
    dw[element] = sum;
}
