// max_pool2d: y = the largest x of each window; windows may overlap, a last window that is cut off is left out
//
// Shapes      x, dx [batch, channels, in_h, in_w]; y, dy, argmax [batch, channels, out_h, out_w]
// One thread  forward: one element of y; backward_x: one element of dx
// Reads       forward window_h * window_w + 1, backward_x up to 2 * window_h * window_w;  writes forward 2, backward_x 1
// Cost        the time is that of moving the bytes. Rung 2 is faster: docs/ladder.md
//
// Of equal maxima the first wins, row by row; a NaN beats every number. argmax says where in its window the winner is:
// kh * window_w + kw.

struct Params {
    batch: u32,
    channels: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    window_h: u32,
    window_w: u32,
    stride_h: u32,
    stride_w: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Tested on the bits: a shader compiler may assume that there are no NaNs, and drop `v != v`.
fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

// Output o whose window element k reads row (or column) i, or -1 where there is none.
fn target_of(i: u32, stride: u32, pad: i32, k: u32, out_len: u32) -> i32 {
    let o_times_stride = i32(i) + pad - i32(k);
    if (o_times_stride < 0 || o_times_stride % i32(stride) != 0) { return -1; }
    let o = o_times_stride / i32(stride);
    return select(-1, o, o < i32(out_len));
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.batch * p.channels * p.out_h * p.out_w) { return; }
    let plane = element / (p.out_h * p.out_w);
    let oh = element / p.out_w % p.out_h;
    let ow = element % p.out_w;
    let corner = (plane * p.in_h + oh * p.stride_h) * p.in_w + ow * p.stride_w;
    var best = x[corner];
    var best_k = 0u;
    for (var kh = 0u; kh < p.window_h; kh++) {
        for (var kw = 0u; kw < p.window_w; kw++) {
            let v = x[corner + kh * p.in_w + kw];
            if (v > best || (is_nan(v) && !is_nan(best))) {
                best = v;
                best_k = kh * p.window_w + kw;
            }
        }
    }
    y[element] = best;
    argmax[element] = best_k;
}

// y[o] is a copy of the one x that won its window, so dy[o] goes there and nowhere else. As a gather:
// dx[ih, iw] = the sum of dy[oh, ow] over the windows that cover (ih, iw) and whose argmax is there.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.batch * p.channels * p.in_h * p.in_w) { return; }
    let plane = element / (p.in_h * p.in_w);
    let ih = element / p.in_w % p.in_h;
    let iw = element % p.in_w;
    var sum = 0.0;
    for (var kh = 0u; kh < p.window_h; kh++) {
        let oh = target_of(ih, p.stride_h, 0, kh, p.out_h);
        if (oh < 0) { continue; }
        for (var kw = 0u; kw < p.window_w; kw++) {
            let ow = target_of(iw, p.stride_w, 0, kw, p.out_w);
            if (ow < 0) { continue; }
            let o = (plane * p.out_h + u32(oh)) * p.out_w + u32(ow);
            if (argmax[o] == kh * p.window_w + kw) { sum += dy[o]; }
        }
    }
    dx[element] = sum;
}
