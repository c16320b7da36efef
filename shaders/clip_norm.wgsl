// clip_norm: what gradients are multiplied by, so that the norm of all of them together is at most max_norm
//
//   square_sums   sums[i] += gradient[i]^2 + gradient[i + p.sums]^2 + ...    for one gradient after the other
//   combine       norm = sqrt(sums[0] + sums[1] + ...) * scale
//                 factor = scale * max_norm / max(norm, max_norm)
//
// scale is 1 or, in mixed precision, 1 / the loss scale. adam.scaled_step multiplies by the factor.
//
// Shapes      gradient [p.len]; sums [p.sums]; scale, factor, overflow [1]
// One thread  square_sums: one sum, of every p.sums-th element; combine: a group of 256 threads adds up the sums
// Reads       square_sums the gradient and the sums;  writes the sums
// Cost        the time is that of reading the gradients once: 4 bytes per parameter where adam moves 28
//
// The order of every sum follows from the shapes alone, so the same gradients always give the same bits.

struct Params {
    len: u32,
    sums: u32,
    max_norm: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<storage, read> scale: f32;
@group(0) @binding(4) var<storage, read_write> factor: f32;
@group(0) @binding(5) var<storage, read_write> overflow: atomic<u32>;

var<workgroup> shares: array<f32, 256>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Tested on the bits: a shader compiler may assume that there are no infinities and no NaNs.
fn is_finite(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u;
}

// Neighbouring threads read neighbouring elements.
@compute @workgroup_size(256)
fn square_sums(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.sums || i >= p.len) { return; }
    var sum = sums[i];
    for (var at = i; at < p.len; at += p.sums) {
        sum += gradient[at] * gradient[at];
    }
    sums[i] = sum;
}

// Each thread adds up every 256th sum; then half of the threads add the other half's to theirs until one is left.
@compute @workgroup_size(256)
fn combine(@builtin(local_invocation_index) thread: u32) {
    var share = 0.0;
    for (var at = thread; at < p.sums; at += 256u) { share += sums[at]; }
    shares[thread] = share;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if (thread < half) { shares[thread] += shares[thread + half]; }
        workgroupBarrier();
    }
    if (thread > 0u) { return; }
    let norm = sqrt(shares[0]) * scale;
    factor = scale * select(1.0, p.max_norm / norm, norm > p.max_norm);
    // A gradient is infinite or NaN, or its norm is beyond 1.8e19.
    if (!is_finite(shares[0])) { atomicMax(&overflow, 1u); }
}
