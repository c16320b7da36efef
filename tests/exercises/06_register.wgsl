// Exercise 6, a solution: A sum belongs in a register
//
// exercise: dense.backward_b 1_plain
// goal: accesses at most 1.05 of the original

struct Params {
    batch: u32,
    in_features: u32,
    out_features: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(8) var<storage, read_write> db: array<f32>;

// Number of this thread in the whole grid, which has two dimensions.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// db[o] = sum_n dy[n, o]
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
