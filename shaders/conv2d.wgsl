// conv2d: y = x convolved with w, plus b; beyond its border x counts as zero
//
// As everywhere in deep learning, this is a cross-correlation: w is not flipped.
//
// Shapes      x [batch, in_channels, in_h, in_w], w [out_channels, in_channels, kernel_h, kernel_w],
//             b [out_channels], y [batch, out_channels, out_h, out_w];
//             dx, dw, db are shaped as x, w, b, and dy as y
// One thread  owns one element of the output
// Reads       forward 2 * in_channels * kernel_h * kernel_w + 1 per element of y,
//             backward_x 2 * out_channels * kernel_h * kernel_w per element of dx,
//             backward_w 2 * batch * out_h * out_w per element of dw, in two passes,
//             backward_b batch * out_h * out_w per element of db, in two passes;  writes 1
// Cost        2 * batch * out_channels * out_h * out_w * in_channels * kernel_h * kernel_w FLOP each for
//             forward, backward_x and backward_w. Two reads for each multiply-add: memory sets the pace, not
//             arithmetic. The next rung reads less. The whole ladder:
//             docs/ladder.md

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

// y[n, co, oh, ow] = b[co] + sum_{ci, kh, kw} x[n, ci, ih, iw] * w[co, ci, kh, kw]
// with ih = oh * stride_h - pad_top + kh and iw = ow * stride_w - pad_left + kw; terms outside of x are left out.
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.batch * p.out_channels * p.out_h * p.out_w) { return; }
    let n = element / (p.out_channels * p.out_h * p.out_w);
    let co = element / (p.out_h * p.out_w) % p.out_channels;
    let oh = element / p.out_w % p.out_h;
    let ow = element % p.out_w;
    var sum = 0.0;
    for (var ci = 0u; ci < p.in_channels; ci++) {
        for (var kh = 0u; kh < p.kernel_h; kh++) {
            let ih = source(oh, p.stride_h, p.pad_top, kh);
            if (ih < 0 || ih >= i32(p.in_h)) { continue; }
            for (var kw = 0u; kw < p.kernel_w; kw++) {
                let iw = source(ow, p.stride_w, p.pad_left, kw);
                if (iw < 0 || iw >= i32(p.in_w)) { continue; }
                sum += x[((n * p.in_channels + ci) * p.in_h + u32(ih)) * p.in_w + u32(iw)]
                    * w[((co * p.in_channels + ci) * p.kernel_h + kh) * p.kernel_w + kw];
            }
        }
    }
    y[element] = sum + b[co];
}

// x[n, ci, ih, iw] enters y[n, co, oh, ow] with the factor w[co, ci, kh, kw] wherever
// oh * stride_h - pad_top + kh = ih, and the same for ow and iw. So
// dx[n, ci, ih, iw] = sum_{co, kh, kw} dy[n, co, oh, ow] * w[co, ci, kh, kw]
// with oh = (ih + pad_top - kh) / stride_h where that is a whole number and lies inside y, and ow alike.
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
            let oh = target_of(ih, p.stride_h, p.pad_top, kh, p.out_h);
            if (oh < 0) { continue; }
            for (var kw = 0u; kw < p.kernel_w; kw++) {
                let ow = target_of(iw, p.stride_w, p.pad_left, kw, p.out_w);
                if (ow < 0) { continue; }
                sum += dy[((n * p.out_channels + co) * p.out_h + u32(oh)) * p.out_w + u32(ow)]
                    * w[((co * p.in_channels + ci) * p.kernel_h + kh) * p.kernel_w + kw];
            }
        }
    }
    dx[element] = sum;
}

// w[co, ci, kh, kw] enters y[n, co, oh, ow] of every image and position with the factor x[n, ci, ih, iw],
// ih and iw as in forward. So dw[co, ci, kh, kw] = sum_{n, oh, ow} dy[n, co, oh, ow] * x[n, ci, ih, iw]
//
// In two passes, as there are many positions and few weights. The first pass adds up some rows of y each, about SPLIT
// positions: part j of a weight goes to scratch[j, co, ci, kh, kw].
@compute @workgroup_size(256)
fn backward_w_partial(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = flat_index(id, groups);
    let weights = p.out_channels * p.in_channels * p.kernel_h * p.kernel_w;
    let rows = max(1u, SPLIT / p.out_w);
    let first = index / weights * rows;
    if (first >= p.batch * p.out_h) { return; }
    let element = index % weights;
    let co = element / (p.in_channels * p.kernel_h * p.kernel_w);
    let ci = element / (p.kernel_h * p.kernel_w) % p.in_channels;
    let kh = element / p.kernel_w % p.kernel_h;
    let kw = element % p.kernel_w;
    var sum = 0.0;
    for (var row = first; row < min(first + rows, p.batch * p.out_h); row++) {
        let n = row / p.out_h;
        let oh = row % p.out_h;
        let ih = source(oh, p.stride_h, p.pad_top, kh);
        if (ih < 0 || ih >= i32(p.in_h)) { continue; }
        for (var ow = 0u; ow < p.out_w; ow++) {
            let iw = source(ow, p.stride_w, p.pad_left, kw);
            if (iw < 0 || iw >= i32(p.in_w)) { continue; }
            sum += dy[((n * p.out_channels + co) * p.out_h + oh) * p.out_w + ow]
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
    let rows = max(1u, SPLIT / p.out_w);
    let parts = (p.batch * p.out_h + rows - 1u) / rows;
    var sum = 0.0;
    for (var part = 0u; part < parts; part++) {
        sum += scratch[part * weights + element];
    }
    dw[element] = sum;
}

// b[co] is added to every y[n, co, oh, ow], so db[co] = sum_{n, oh, ow} dy[n, co, oh, ow]
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
        sum += dy[(n * p.out_channels + co) * area + i];
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
