// conv2d, lanes: tiles of 32 x 8 sums in registers, factors shared by broadcasts
//
// Shapes      as in the plain file: x [batch, in_channels, in_h, in_w],
//             w [out_channels, in_channels, kernel_h, kernel_w], b [out_channels],
//             y [batch, out_channels, out_h, out_w]; dx, dw, db are shaped as x, w, b, and dy as y;
//             scratch [splits, elements of dw], used by backward_w alone
// One thread  owns a tile of 32 channels (rows) and eight columns. forward: out_channels of 8 neighbours in a row of y;
//             backward_x: in_channels of 8 neighbours in a row of dx; backward_w: out_channels of 2 x 4 elements of dw:
//             4 kw of 2 lines. A line is one row of the window in one in_channel: (ci, kh)
// Workgroup   256 threads, all with the same 32 channels. They stage the factor that belongs to the rows (w in forward and
//             backward_x, dy in backward_w) in workgroup memory, 128 terms of the sum at a time
// Reads       for one term, so 256 multiply-adds: one vec4 of staged rows and, with stride 1, 3.3 elements of x or dy on
//             average for a window of 3x3 (2 in backward_w)
// Cost        the FLOP of the plain file, and some for nothing: channels are rounded up to 32, out_w (in_w in backward_x)
//             to 8, kernel_w of backward_w to 4. kernel_w must be at most 128
//
// It is made for software adapters, and the default there. Rung 1 reads two values for each multiply-add. Here a value of x in a register serves 32 channels, and
// a staged value serves 8 columns of each thread. A row of x slides along the window instead of being read again. On
// lavapipe, where a load takes some 6 ns for each lane and each component of a vector, GFLOP/s of two cores, 3x3 'same',
// plain -> this:
//   x [4, 64, 32, 32] -> 128 channels     forward 0.22 -> 9.9   backward_x 0.19 -> 10.2   backward_w 0.28 -> 10.5
//   x [4, 128, 16, 16] -> 256 channels    forward 0.22 -> 10.1  backward_x 0.19 -> 10.4   backward_w 0.28 -> 10.3
//   x [4, 1, 64, 64] -> 64 channels       forward 0.19 -> 3.0   (needs no backward_x)     backward_w 0.27 -> 1.0
// These are GFLOP done in two seconds of CPU time.
//
// Subgroups must have 8 lanes or more. Which thread is which lane does not matter. GPUs have a ladder of their own:
// docs/ladder.md

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
@group(0) @binding(9) var<storage, read_write> scratch: array<f32>;

override kernel_h: u32;
override kernel_w: u32;
override stride_h: u32;
override stride_w: u32;

// Positions of the convolution's output that one workgroup of backward_w adds up. About as many: it takes whole rows.
override SPLIT: u32;

const THREADS = 256u;
const ROWS = 32u; // channels in a tile: eight lanes load a vec4 each
const DEPTH = 128u; // terms of the sum staged at a time: 128 * 32 floats are 16 KiB

// The factors that the whole workgroup needs: [DEPTH, ROWS], four channels to a vec4.
var<workgroup> staged: array<vec4<f32>, DEPTH * ROWS / 4u>;

// Four channels of the eight columns of a thread: u holds the columns 0 to 3, v 4 to 7.
struct FourRows {
    u: mat4x4<f32>,
    v: mat4x4<f32>,
}

// A thread's 32 x 8 sums. Only ever indexed by literals: a variable index would move all of it from registers to memory.
alias Tile = array<FourRows, ROWS / 4u>;

// All products of an element of a (rows) and one of b (columns).
fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(a * b.x, a * b.y, a * b.z, a * b.w);
}

// `sums` plus one term: four rows times eight columns, u and v.
fn plus_outer(sums: FourRows, rows: vec4<f32>, u: vec4<f32>, v: vec4<f32>) -> FourRows {
    return FourRows(sums.u + outer(rows, u), sums.v + outer(rows, v));
}

// Adds one term to all 256 sums. Each of the subgroup's first eight lanes has loaded four of the 32 rows as one vec4, and
// broadcasts them to all lanes: 32 factors for one load.
fn add_term(tile: ptr<function, Tile>, rows: vec4<f32>, u: vec4<f32>, v: vec4<f32>) {
    (*tile)[0] = plus_outer((*tile)[0], subgroupBroadcast(rows, 0u), u, v);
    (*tile)[1] = plus_outer((*tile)[1], subgroupBroadcast(rows, 1u), u, v);
    (*tile)[2] = plus_outer((*tile)[2], subgroupBroadcast(rows, 2u), u, v);
    (*tile)[3] = plus_outer((*tile)[3], subgroupBroadcast(rows, 3u), u, v);
    (*tile)[4] = plus_outer((*tile)[4], subgroupBroadcast(rows, 4u), u, v);
    (*tile)[5] = plus_outer((*tile)[5], subgroupBroadcast(rows, 5u), u, v);
    (*tile)[6] = plus_outer((*tile)[6], subgroupBroadcast(rows, 6u), u, v);
    (*tile)[7] = plus_outer((*tile)[7], subgroupBroadcast(rows, 7u), u, v);
}

// Rows 4 i to 4 i + 3 of a tile, for the loops that store it. A switch, because a tile is indexed by literals only.
fn pick_rows(tile: Tile, i: u32) -> FourRows {
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

// Row (or column) of the picture that output o reads through window element k; it may lie outside.
fn source(o: u32, stride: u32, pad: i32, k: u32) -> i32 {
    return i32(o * stride + k) - pad;
}

// Output o whose window element k reads row (or column) i, or -1 where there is none.
fn target_of(i: u32, stride: u32, pad: i32, k: u32, out_len: u32) -> i32 {
    let o_times_stride = i32(i) + pad - i32(k);
    if (o_times_stride < 0 || o_times_stride % i32(stride) != 0) { return -1; }
    let o = o_times_stride / i32(stride);
    return select(-1, o, o < i32(out_len));
}

// w[co, ci, kh, kw] with tap = kh * kernel_w + kw, or 0 outside.
fn load_w(co: u32, ci: u32, tap: u32) -> f32 {
    if (co >= p.out_channels || ci >= p.in_channels) { return 0.0; }
    return w[(co * p.in_channels + ci) * kernel_h * kernel_w + tap];
}

// Stages w of out_channels co0 to co0 + ROWS - 1, for the lines (ci, kh) from line0 to `end`.
fn stage_w_out_channels(thread: u32, co0: u32, line0: u32, end: u32) {
    for (var i = thread; i < (end - line0) * kernel_w * (ROWS / 4u); i += THREADS) {
        let k = line0 * kernel_w + i / (ROWS / 4u);
        let ci = k / (kernel_h * kernel_w);
        let tap = k % (kernel_h * kernel_w);
        let co = co0 + i % (ROWS / 4u) * 4u;
        staged[i] = vec4(load_w(co, ci, tap), load_w(co + 1u, ci, tap),
            load_w(co + 2u, ci, tap), load_w(co + 3u, ci, tap));
    }
}

// Stages w of in_channels ci0 to ci0 + ROWS - 1, for the lines (co, kh) from line0 to `end`.
fn stage_w_in_channels(thread: u32, ci0: u32, line0: u32, end: u32) {
    for (var i = thread; i < (end - line0) * kernel_w * (ROWS / 4u); i += THREADS) {
        let k = line0 * kernel_w + i / (ROWS / 4u);
        let co = k / (kernel_h * kernel_w);
        let tap = k % (kernel_h * kernel_w);
        let ci = ci0 + i % (ROWS / 4u) * 4u;
        staged[i] = vec4(load_w(co, ci, tap), load_w(co, ci + 1u, tap),
            load_w(co, ci + 2u, tap), load_w(co, ci + 3u, tap));
    }
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
fn locate_x_line(n: u32, ci: u32, ih: i32) -> Line {
    let inside = n < p.batch && ci < p.in_channels && u32(ih) < p.in_h;
    return Line(((n * p.in_channels + ci) * p.in_h + u32(ih)) * p.in_w, select(0u, p.in_w, inside));
}

// x at column iw of a row, or 0 outside.
fn load_x_of_line(line: Line, iw: i32) -> f32 {
    if (u32(iw) >= line.len) { return 0.0; }
    return x[line.start + u32(iw)];
}

// Four columns of a row of x, `step` apart.
fn load_x_four(line: Line, iw: i32, step: i32) -> vec4<f32> {
    return vec4(load_x_of_line(line, iw), load_x_of_line(line, iw + step),
        load_x_of_line(line, iw + 2 * step), load_x_of_line(line, iw + 3 * step));
}

// y[n, co, oh, ow] = b[co] + sum_{ci, kh, kw} x[n, ci, ih, iw] * w[co, ci, kh, kw]
// with ih = source(oh, stride_h, pad_top, kh) and iw = source(ow, stride_w, pad_left, kw).
// A thread's columns are ow to ow + 7 of one row. With stride 1 the next kw needs the same eight elements of x moved by
// one, so only one is new and has to be read.
@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    let octets = (p.out_w + 7u) / 8u;
    let octet = group.x * THREADS + thread;
    let n = octet / octets / p.out_h;
    let oh = octet / octets % p.out_h;
    let ow = octet % octets * 8u;
    let busy = subgroupAny(n < p.batch); // the same for the whole subgroup: a broadcast needs all its lanes
    let co0 = group.y * ROWS;
    let left = source(ow, stride_w, p.pad_left, 0u);
    let lines = p.in_channels * kernel_h;
    let step = DEPTH / kernel_w;
    var tile = Tile();
    for (var line0 = 0u; line0 < lines; line0 += step) {
        let end = min(line0 + step, lines);
        workgroupBarrier();
        stage_w_out_channels(thread, co0, line0, end);
        workgroupBarrier();
        var k = lane % 8u;
        for (var line = line0; line < select(0u, end, busy); line++) {
            let row = locate_x_line(n, line / kernel_h, source(oh, stride_h, p.pad_top, line % kernel_h));
            var u = vec4<f32>();
            var v = vec4<f32>();
            for (var i = 0; i < select(0, 7, stride_w == 1u); i++) {
                u = vec4(u.yzw, v.x);
                v = vec4(v.yzw, load_x_of_line(row, left + i));
            }
            for (var kw = 0; kw < i32(kernel_w); kw++) {
                if (stride_w == 1u) {
                    u = vec4(u.yzw, v.x);
                    v = vec4(v.yzw, load_x_of_line(row, left + 7 + kw));
                } else {
                    u = load_x_four(row, left + kw, i32(stride_w));
                    v = load_x_four(row, left + kw + 4 * i32(stride_w), i32(stride_w));
                }
                add_term(&tile, staged[k], u, v);
                k += ROWS / 4u;
            }
        }
    }
    if (n >= p.batch) { return; }
    for (var i = 0u; i < ROWS / 4u; i++) {
        let sums = pick_rows(tile, i);
        let co = co0 + 4u * i;
        let bias = vec4(load_b(co), load_b(co + 1u), load_b(co + 2u), load_b(co + 3u));
        store_y(n, co, oh, ow, sums.u[0] + bias);
        store_y(n, co, oh, ow + 1u, sums.u[1] + bias);
        store_y(n, co, oh, ow + 2u, sums.u[2] + bias);
        store_y(n, co, oh, ow + 3u, sums.u[3] + bias);
        store_y(n, co, oh, ow + 4u, sums.v[0] + bias);
        store_y(n, co, oh, ow + 5u, sums.v[1] + bias);
        store_y(n, co, oh, ow + 6u, sums.v[2] + bias);
        store_y(n, co, oh, ow + 7u, sums.v[3] + bias);
    }
}

// y of four out_channels at one position.
fn store_y(n: u32, co: u32, oh: u32, ow: u32, four: vec4<f32>) {
    if (ow >= p.out_w) { return; }
    let area = p.out_h * p.out_w;
    let i = (n * p.out_channels + co) * area + oh * p.out_w + ow;
    if (co < p.out_channels) { y[i] = four.x; }
    if (co + 1u < p.out_channels) { y[i + area] = four.y; }
    if (co + 2u < p.out_channels) { y[i + area * 2u] = four.z; }
    if (co + 3u < p.out_channels) { y[i + area * 3u] = four.w; }
}

// Row oh of dy[n, co]; oh is -1 where target_of found none.
fn locate_dy_line(n: u32, co: u32, oh: i32) -> Line {
    let inside = n < p.batch && oh >= 0;
    return Line(((n * p.out_channels + co) * p.out_h + u32(oh)) * p.out_w, select(0u, p.out_w, inside));
}

// dy at column ow of a row, or 0 outside.
fn load_dy_of_line(line: Line, ow: i32) -> f32 {
    if (u32(ow) >= line.len) { return 0.0; }
    return dy[line.start + u32(ow)];
}

// dy of the four outputs that read x[iw] to x[iw + 3] through window element kw.
fn load_dy_four(line: Line, iw: u32, kw: u32) -> vec4<f32> {
    return vec4(load_dy_of_line(line, target_of(iw, stride_w, p.pad_left, kw, p.out_w)),
        load_dy_of_line(line, target_of(iw + 1u, stride_w, p.pad_left, kw, p.out_w)),
        load_dy_of_line(line, target_of(iw + 2u, stride_w, p.pad_left, kw, p.out_w)),
        load_dy_of_line(line, target_of(iw + 3u, stride_w, p.pad_left, kw, p.out_w)));
}

// x[n, ci, ih, iw] enters y[n, co, oh, ow] with the factor w[co, ci, kh, kw] where
// oh = target_of(ih, stride_h, pad_top, kh, out_h) and ow = target_of(iw, stride_w, pad_left, kw, out_w). So
// dx[n, ci, ih, iw] = sum_{co, kh, kw} dy[n, co, oh, ow] * w[co, ci, kh, kw],
// which has forward's loops with ci and co exchanged. With stride 1, ow = iw + pad_left - kw: the row of dy slides the
// other way.
@compute @workgroup_size(THREADS)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    let octets = (p.in_w + 7u) / 8u;
    let octet = group.x * THREADS + thread;
    let n = octet / octets / p.in_h;
    let ih = octet / octets % p.in_h;
    let iw = octet % octets * 8u;
    let busy = subgroupAny(n < p.batch);
    let ci0 = group.y * ROWS;
    let right = i32(iw) + p.pad_left;
    let lines = p.out_channels * kernel_h;
    let step = DEPTH / kernel_w;
    var tile = Tile();
    for (var line0 = 0u; line0 < lines; line0 += step) {
        let end = min(line0 + step, lines);
        workgroupBarrier();
        stage_w_in_channels(thread, ci0, line0, end);
        workgroupBarrier();
        var k = lane % 8u;
        for (var line = line0; line < select(0u, end, busy); line++) {
            let row = locate_dy_line(n, line / kernel_h, target_of(ih, stride_h, p.pad_top, line % kernel_h, p.out_h));
            var u = vec4<f32>();
            var v = vec4<f32>();
            for (var i = select(0, 7, stride_w == 1u); i > 0; i--) {
                v = vec4(u.w, v.xyz);
                u = vec4(load_dy_of_line(row, right + i), u.xyz);
            }
            for (var kw = 0u; kw < kernel_w; kw++) {
                if (stride_w == 1u) {
                    v = vec4(u.w, v.xyz);
                    u = vec4(load_dy_of_line(row, right - i32(kw)), u.xyz);
                } else {
                    u = load_dy_four(row, iw, kw);
                    v = load_dy_four(row, iw + 4u, kw);
                }
                add_term(&tile, staged[k], u, v);
                k += ROWS / 4u;
            }
        }
    }
    if (n >= p.batch) { return; }
    for (var i = 0u; i < ROWS / 4u; i++) {
        store_dx_eight(n, ci0 + 4u * i, ih, iw, pick_rows(tile, i));
    }
}

// dx of four in_channels at eight neighbouring positions.
fn store_dx_eight(n: u32, ci: u32, ih: u32, iw: u32, sums: FourRows) {
    store_dx(n, ci, ih, iw, sums.u[0]);
    store_dx(n, ci, ih, iw + 1u, sums.u[1]);
    store_dx(n, ci, ih, iw + 2u, sums.u[2]);
    store_dx(n, ci, ih, iw + 3u, sums.u[3]);
    store_dx(n, ci, ih, iw + 4u, sums.v[0]);
    store_dx(n, ci, ih, iw + 5u, sums.v[1]);
    store_dx(n, ci, ih, iw + 6u, sums.v[2]);
    store_dx(n, ci, ih, iw + 7u, sums.v[3]);
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

// dy[n, co, oh, ow] with row = n * out_h + oh, which counts the rows of all images; 0 beyond the last channel.
fn load_dy_of_row(row: u32, co: u32, ow: u32) -> f32 {
    if (co >= p.out_channels) { return 0.0; }
    return dy[((row / p.out_h * p.out_channels + co) * p.out_h + row % p.out_h) * p.out_w + ow];
}

// w[co, ci, kh, kw] enters y[n, co, oh, ow] of every image and position with the factor x[n, ci, ih, iw],
// ih and iw as in forward. So dw[co, ci, kh, kw] = sum_{n, oh, ow} dy[n, co, oh, ow] * x[n, ci, ih, iw]
//
// In two passes, as there are many positions and few weights. In the first pass a workgroup adds up the rows of y of one
// split, into scratch. A thread's columns are four kw of two lines (ci, kh). With stride 1 the next ow needs the same
// elements of x moved by one, so only one for each line is new and has to be read.
@compute @workgroup_size(THREADS)
fn backward_w_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    let quads = (kernel_w + 3u) / 4u;
    let lines = p.in_channels * kernel_h;
    let kw = (group.x * THREADS + thread) % quads * 4u;
    let line = (group.x * THREADS + thread) / quads * 2u;
    let busy = subgroupAny(line < lines);
    let co0 = group.y * ROWS;
    let split = max(1u, SPLIT / p.out_w);
    let row_end = min((group.z + 1u) * split, p.batch * p.out_h);
    let step = max(1u, DEPTH / p.out_w);
    var tile = Tile();
    for (var row0 = group.z * split; row0 < row_end; row0 += step) {
        for (var ow0 = 0u; ow0 < p.out_w; ow0 += DEPTH) {
            let end = min(row0 + step, row_end);
            let width = min(DEPTH, p.out_w - ow0);
            workgroupBarrier();
            for (var i = thread; i < (end - row0) * width * (ROWS / 4u); i += THREADS) {
                let row = row0 + i / (ROWS / 4u) / width;
                let ow = ow0 + i / (ROWS / 4u) % width;
                let co = co0 + i % (ROWS / 4u) * 4u;
                staged[i] = vec4(load_dy_of_row(row, co, ow), load_dy_of_row(row, co + 1u, ow),
                    load_dy_of_row(row, co + 2u, ow), load_dy_of_row(row, co + 3u, ow));
            }
            workgroupBarrier();
            var k = lane % 8u;
            for (var row = row0; row < select(0u, end, busy); row++) {
                let n = row / p.out_h;
                let oh = row % p.out_h;
                let left = source(ow0, stride_w, p.pad_left, kw);
                let row_u = locate_x_line(n, line / kernel_h, source(oh, stride_h, p.pad_top, line % kernel_h));
                let row_v = locate_x_line(n, (line + 1u) / kernel_h,
                    source(oh, stride_h, p.pad_top, (line + 1u) % kernel_h));
                var u = vec4<f32>();
                var v = vec4<f32>();
                for (var i = 0; i < select(0, 3, stride_w == 1u); i++) {
                    u = vec4(u.yzw, load_x_of_line(row_u, left + i));
                    v = vec4(v.yzw, load_x_of_line(row_v, left + i));
                }
                for (var i = 0; i < i32(width); i++) {
                    if (stride_w == 1u) {
                        u = vec4(u.yzw, load_x_of_line(row_u, left + 3 + i));
                        v = vec4(v.yzw, load_x_of_line(row_v, left + 3 + i));
                    } else {
                        u = load_x_four(row_u, left + i * i32(stride_w), 1);
                        v = load_x_four(row_v, left + i * i32(stride_w), 1);
                    }
                    add_term(&tile, staged[k], u, v);
                    k += ROWS / 4u;
                }
            }
        }
    }
    for (var i = 0u; i < ROWS / 4u; i++) {
        store_partial_eight(group.z, co0 + 4u * i, line, kw, pick_rows(tile, i));
    }
}

// Four out_channels of four kw of two lines, in split `split`.
fn store_partial_eight(split: u32, co: u32, line: u32, kw: u32, sums: FourRows) {
    store_partial(split, co, line, kw, sums.u[0]);
    store_partial(split, co, line, kw + 1u, sums.u[1]);
    store_partial(split, co, line, kw + 2u, sums.u[2]);
    store_partial(split, co, line, kw + 3u, sums.u[3]);
    store_partial(split, co, line + 1u, kw, sums.v[0]);
    store_partial(split, co, line + 1u, kw + 1u, sums.v[1]);
    store_partial(split, co, line + 1u, kw + 2u, sums.v[2]);
    store_partial(split, co, line + 1u, kw + 3u, sums.v[3]);
}

// Four out_channels of one element of the window, in split `split`.
fn store_partial(split: u32, co: u32, line: u32, kw: u32, four: vec4<f32>) {
    let lines = p.in_channels * kernel_h;
    if (line >= lines || kw >= kernel_w) { return; }
    let area = lines * kernel_w;
    let i = (split * p.out_channels + co) * area + line * kernel_w + kw;
    if (co < p.out_channels) { scratch[i] = four.x; }
    if (co + 1u < p.out_channels) { scratch[i + area] = four.y; }
    if (co + 2u < p.out_channels) { scratch[i + area * 2u] = four.z; }
    if (co + 3u < p.out_channels) { scratch[i + area * 3u] = four.w; }
}

// The second pass adds up the parts, always in the same order.
@compute @workgroup_size(THREADS)
fn backward_w(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    let elements = p.out_channels * p.in_channels * kernel_h * kernel_w;
    if (element >= elements) { return; }
    let split = max(1u, SPLIT / p.out_w);
    let splits = (p.batch * p.out_h + split - 1u) / split;
    var sum = 0.0;
    for (var i = 0u; i < splits; i++) {
        sum += scratch[i * elements + element];
    }
    dw[element] = sum;
}
