// loss_scale: whether a gradient overflowed, and the scale of the next loss
//
// In mixed precision the loss is multiplied by a scale, so that small gradients are not lost in halves. A scale that is
// too large makes gradients overflow.
//
// Shapes      gradient holds p.len values; overflow, scale, inverse and good_steps are one value each
// One thread  of detect owns one element of the gradient; update has one thread
// Reads       detect 1, update 4;  writes detect 1 where it finds something, update 3
// Cost        4 bytes read per parameter: a seventh of what Adam moves. Rung 2 is faster: docs/ladder.md

struct Params {
    len: u32,
    growth_interval: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> overflow: atomic<u32>;
@group(0) @binding(3) var<storage, read_write> scale: f32;
@group(0) @binding(4) var<storage, read_write> inverse: f32;
@group(0) @binding(5) var<storage, read_write> good_steps: u32;

// The largest scale. Its inverse 2^-125 is a normal number; that of a scale four times as large would not be one, and a GPU
// may take it for 0.
const LARGEST = 0x1p125f;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Tested on the bits: a shader compiler may assume that there are no infinities and no NaNs.
fn is_finite(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u;
}

// Sets the flag if the gradient is infinite or NaN somewhere. This is known before any parameter is updated, because a step
// is skipped as a whole.
@compute @workgroup_size(256)
fn detect(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    if (!is_finite(gradient[i])) { atomicMax(&overflow, 1u); }
}

// Halves the scale after an overflow, and doubles it after growth_interval steps in a row without one. scale and
// inverse = 1 / scale are powers of two: nothing is ever rounded.
@compute @workgroup_size(256)
fn update(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x > 0u) { return; }
    if (atomicLoad(&overflow) != 0u) {
        scale *= 0.5;
        inverse *= 2.0;
        good_steps = 0u;
        return;
    }
    good_steps += 1u;
    if (good_steps >= p.growth_interval) {
        good_steps = 0u;
        if (scale < LARGEST) {
            scale *= 2.0;
            inverse *= 0.5;
        }
    }
}
