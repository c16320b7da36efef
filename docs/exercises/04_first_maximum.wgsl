// Exercise 4: The first maximum wins
//
// The largest value of each window, and its place. Where several are equally large, the first should win, row by row. A NaN
// beats every number, and the first NaN every other: y is then NaN, and argmax its place. y is right here, argmax is not.
//
// Hint: Go through a window of equal values by hand: which of them is kept?
//
// exercise: max_pool2d.forward 1_plain

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

// Number of this thread in the whole grid, which has two dimensions.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Tested on the bits: a shader compiler may assume that there are no NaNs, and drop `v != v`.
fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

// y is the largest x of each window. argmax says where in its window it is: kh * window_w + kw.
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
            if (v >= best || is_nan(v)) {
                best = v;
                best_k = kh * p.window_w + kw;
            }
        }
    }
    y[element] = best;
    argmax[element] = best_k;
}
