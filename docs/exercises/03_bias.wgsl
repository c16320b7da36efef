// Exercise 3: The bias of another feature
//
// A fully connected layer, y = x w^T + b. One index is wrong: most values of y get the bias of another feature. The lab
// names a value that is not right, its thread, and the line that wrote it. Mend the index.
//
// Hint: y has batch rows of out_features values each: element is n * out_features + o.
//
// exercise: dense.forward 1_plain

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
@group(0) @binding(9) var<storage, read_write> scratch: array<f32>;

// Terms that one thread of the first pass adds up.
override CHUNK: u32;

// Number of this thread in the whole grid, which has two dimensions.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// y[n, o] = b[o] + sum_i x[n, i] * w[o, i], in two passes. The first adds up CHUNK terms each: part j of y[n, o] goes to
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
    y[element] = sum + b[element / p.batch];
}
