// dense: y = x w^T + b
//
// Shapes      x [batch, in_features], w [out_features, in_features], b [out_features],
//             y [batch, out_features]; dx, dw, db are shaped as x, w, b, and dy as y;
//             scratch [parts, batch, out_features], used by forward alone
// One thread  owns one element of the output
// Reads       forward 2 * in_features, and then the parts and b; backward_x 2 * out_features; backward_w 2 * batch;
//             backward_b batch;  writes 1
// Cost        2 * batch * in_features * out_features FLOP each for forward, backward_x and backward_w. Two reads for each
//             multiply-add: memory sets the pace, not arithmetic. The next rung reads less. The whole ladder:
//             docs/ladder.md

struct Params {
    batch: u32,
    in_features: u32,
    out_features: u32,
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

// Terms that one thread of forward's first pass adds up.
override CHUNK: u32;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// y[n, o] = b[o] + sum_i x[n, i] * w[o, i]
//
// In two passes: y has few elements and each is a long sum (262,144 terms for a picture of 256x256), so one thread for
// each would leave most of a GPU without work. The first pass adds up CHUNK terms each: part j of y[n, o] goes to
// scratch[j, n, o].
@compute @workgroup_size(256)
fn forward_partial(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = flat_index(id, groups);
    let elements = p.batch * p.out_features;
    let part = index / elements;
    if (part * CHUNK >= p.in_features) { return; }
    let n = index % elements / p.out_features;
    let o = index % p.out_features;
    var sum = 0.0;
    for (var i = part * CHUNK; i < min((part + 1u) * CHUNK, p.in_features); i++) {
        sum += x[n * p.in_features + i] * w[o * p.in_features + i];
    }
    scratch[index] = sum;
}

// The second pass adds up the parts, always in the same order, and the bias.
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    let elements = p.batch * p.out_features;
    if (element >= elements) { return; }
    var sum = 0.0;
    for (var part = 0u; part * CHUNK < p.in_features; part++) {
        sum += scratch[part * elements + element];
    }
    y[element] = sum + b[element % p.out_features];
}

// x[n, i] enters every y[n, o] with the factor w[o, i], so
// dx[n, i] = sum_o dy[n, o] * w[o, i].
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.batch * p.in_features) { return; }
    let n = element / p.in_features;
    let i = element % p.in_features;
    var sum = 0.0;
    for (var o = 0u; o < p.out_features; o++) {
        sum += dy[n * p.out_features + o] * w[o * p.in_features + i];
    }
    dx[element] = sum;
}

// w[o, i] enters y[n, o] of every image n with the factor x[n, i], so
// dw[o, i] = sum_n dy[n, o] * x[n, i].
@compute @workgroup_size(256)
fn backward_w(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.out_features * p.in_features) { return; }
    let o = element / p.in_features;
    let i = element % p.in_features;
    var sum = 0.0;
    for (var n = 0u; n < p.batch; n++) {
        sum += dy[n * p.out_features + o] * x[n * p.in_features + i];
    }
    dw[element] = sum;
}

// b[o] is added to y[n, o] of every image n, so db[o] = sum_n dy[n, o].
@compute @workgroup_size(256)
fn backward_b(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let o = flat_index(id, groups);
    if (o >= p.out_features) { return; }
    var sum = 0.0;
    for (var n = 0u; n < p.batch; n++) {
        sum += dy[n * p.out_features + o];
    }
    db[o] = sum;
}
