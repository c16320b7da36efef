// conv2d_relu_pool: y = max_pool(relu(conv2d(x, w, b))), with pooling windows of pool x pool that do not overlap
//
// Shapes      x [batch, in_channels, in_h, in_w], w [out_channels, in_channels, kernel_h, kernel_w],
//             b [out_channels], y [batch, out_channels, out_h, out_w],
//             argmax [batch, out_channels, argmax_words]: one byte per element of y, four to a word;
//             dx, dw, db are shaped as x, w, b, and dy as y. The convolution alone would give conv_h x conv_w
// One thread  forward: one word of argmax, so four elements of y; backward: one element of the output
// Reads       forward 2 * pool^2 * in_channels * kernel_h * kernel_w per element of y; backward as conv2d, with dy, y and
//             argmax in place of dy
// Cost        the FLOP of conv2d. What is saved is memory: the convolution's output, pool^2 times as large as y, is
//             neither stored nor read again. The next rungs read less: docs/ladder.md
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

// Positions of a plane (one channel of one image) that one thread of backward_b's first pass adds up.
override CHUNK: u32;
// Positions of the convolution's output that one thread of backward_w's first pass adds up. About as many: it takes
// whole rows.
override SPLIT: u32;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Tested on the bits: a shader compiler may assume that there are no NaNs, and drop `v != v`.
fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
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

// relu(conv2d) at position (zh, zw) of the convolution's output.
fn relu_conv(n: u32, co: u32, zh: u32, zw: u32) -> f32 {
    var sum = 0.0;
    for (var ci = 0u; ci < p.in_channels; ci++) {
        for (var kh = 0u; kh < p.kernel_h; kh++) {
            let ih = source(zh, p.stride_h, p.pad_top, kh);
            if (ih < 0 || ih >= i32(p.in_h)) { continue; }
            for (var kw = 0u; kw < p.kernel_w; kw++) {
                let iw = source(zw, p.stride_w, p.pad_left, kw);
                if (iw < 0 || iw >= i32(p.in_w)) { continue; }
                sum += x[((n * p.in_channels + ci) * p.in_h + u32(ih)) * p.in_w + u32(iw)]
                    * w[((co * p.in_channels + ci) * p.kernel_h + kh) * p.kernel_w + kw];
            }
        }
    }
    let z = sum + b[co];
    return select(z, 0.0, z <= 0.0);
}

// y[oh, ow] = the largest relu(conv2d) of the pool x pool window at (oh * pool, ow * pool).
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = flat_index(id, groups);
    if (word >= p.batch * p.out_channels * p.argmax_words) { return; }
    let plane = word / p.argmax_words;
    let n = plane / p.out_channels;
    let co = plane % p.out_channels;
    var packed = 0u;
    for (var i = 0u; i < 4u; i++) {
        let o = word % p.argmax_words * 4u + i;
        if (o >= p.out_h * p.out_w) { break; }
        let zh = o / p.out_w * p.pool;
        let zw = o % p.out_w * p.pool;
        var best = relu_conv(n, co, zh, zw);
        var best_k = 0u;
        for (var k = 1u; k < p.pool * p.pool; k++) {
            let v = relu_conv(n, co, zh + k / p.pool, zw + k % p.pool);
            if (v > best || (is_nan(v) && !is_nan(best))) {
                best = v;
                best_k = k;
            }
        }
        y[plane * p.out_h * p.out_w + o] = best;
        packed |= best_k << (8u * i);
    }
    argmax[word] = packed;
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

// As conv2d's backward_x with dz for dy:
// dx[n, ci, ih, iw] = sum_{co, kh, kw} dz[n, co, zh, zw] * w[co, ci, kh, kw]
// with zh = (ih + pad_top - kh) / stride_h where that is a whole number and lies inside the convolution's output, and zw
// alike.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.batch * p.in_channels * p.in_h * p.in_w) { return; }
    let n = element / (p.in_channels * p.in_h * p.in_w);
    let ci = element / (p.in_h * p.in_w) % p.in_channels;
    let ih = element / p.in_w % p.in_h;
    let iw = element % p.in_w;
    var sum = 0.0;
    for (var co = 0u; co < p.out_channels; co++) {
        for (var kh = 0u; kh < p.kernel_h; kh++) {
            let zh = target_of(ih, p.stride_h, p.pad_top, kh, p.conv_h);
            if (zh < 0) { continue; }
            for (var kw = 0u; kw < p.kernel_w; kw++) {
                let zw = target_of(iw, p.stride_w, p.pad_left, kw, p.conv_w);
                if (zw < 0) { continue; }
                sum += load_dz(n * p.out_channels + co, u32(zh), u32(zw))
                    * w[((co * p.in_channels + ci) * p.kernel_h + kh) * p.kernel_w + kw];
            }
        }
    }
    dx[element] = sum;
}

// As conv2d's backward_w with dz for dy: dw[co, ci, kh, kw] = sum_{n, zh, zw} dz[n, co, zh, zw] * x[n, ci, ih, iw]
//
// In two passes, as there are many positions and few weights. The first pass adds up some rows of the convolution's
// output each, about SPLIT positions: part j of a weight goes to scratch[j, co, ci, kh, kw].
@compute @workgroup_size(256)
fn backward_w_partial(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = flat_index(id, groups);
    let weights = p.out_channels * p.in_channels * p.kernel_h * p.kernel_w;
    let rows = max(1u, SPLIT / p.conv_w);
    let first = index / weights * rows;
    if (first >= p.batch * p.conv_h) { return; }
    let element = index % weights;
    let co = element / (p.in_channels * p.kernel_h * p.kernel_w);
    let ci = element / (p.kernel_h * p.kernel_w) % p.in_channels;
    let kh = element / p.kernel_w % p.kernel_h;
    let kw = element % p.kernel_w;
    var sum = 0.0;
    for (var row = first; row < min(first + rows, p.batch * p.conv_h); row++) {
        let n = row / p.conv_h;
        let zh = row % p.conv_h;
        let ih = source(zh, p.stride_h, p.pad_top, kh);
        if (ih < 0 || ih >= i32(p.in_h)) { continue; }
        for (var zw = 0u; zw < p.conv_w; zw++) {
            let iw = source(zw, p.stride_w, p.pad_left, kw);
            if (iw < 0 || iw >= i32(p.in_w)) { continue; }
            sum += load_dz(n * p.out_channels + co, zh, zw)
                * x[((n * p.in_channels + ci) * p.in_h + u32(ih)) * p.in_w + u32(iw)];
        }
    }
    scratch[index] = sum;
}

// The second pass adds up the parts, always in the same order.
@compute @workgroup_size(256)
fn backward_w(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    let weights = p.out_channels * p.in_channels * p.kernel_h * p.kernel_w;
    if (element >= weights) { return; }
    let rows = max(1u, SPLIT / p.conv_w);
    let parts = (p.batch * p.conv_h + rows - 1u) / rows;
    var sum = 0.0;
    for (var part = 0u; part < parts; part++) {
        sum += scratch[part * weights + element];
    }
    dw[element] = sum;
}

// b[co] is added at every position, so db[co] is the sum of dz. That is the sum of dy where y > 0: the place of the
// maximum in its window does not matter.
//
// In two passes, as a thread for each channel would leave most of a GPU without work. The first pass adds up CHUNK
// positions of a plane each: part j of channel co goes to scratch[j, co].
@compute @workgroup_size(256)
fn backward_b_partial(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = flat_index(id, groups);
    let area = p.out_h * p.out_w;
    let parts_of_plane = (area + CHUNK - 1u) / CHUNK;
    let co = index % p.out_channels;
    let n = index / p.out_channels / parts_of_plane;
    if (n >= p.batch) { return; }
    let first = index / p.out_channels % parts_of_plane * CHUNK;
    var sum = 0.0;
    for (var i = first; i < min(first + CHUNK, area); i++) {
        let o = (n * p.out_channels + co) * area + i;
        sum += select(0.0, dy[o], y[o] > 0.0);
    }
    scratch[index] = sum;
}

// The second pass adds up the parts, always in the same order.
@compute @workgroup_size(256)
fn backward_b(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let co = flat_index(id, groups);
    if (co >= p.out_channels) { return; }
    let area = p.out_h * p.out_w;
    let parts = p.batch * ((area + CHUNK - 1u) / CHUNK);
    var sum = 0.0;
    for (var part = 0u; part < parts; part++) {
        sum += scratch[part * p.out_channels + co];
    }
    db[co] = sum;
}
