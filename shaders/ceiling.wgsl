// ceiling: what an adapter can do at most, to measure other kernels against
//
// Shapes      x and y hold p.len values
// One thread  owns one element
// Reads       1;  writes 1
// Cost        copy: the time is that of moving the bytes
//             multiply_add: 64 * p.rounds FLOP an element, from registers alone

struct Params {
    len: u32,
    rounds: u32,
    factor: f32,
    term: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Position of this thread in the whole grid. A grid is two-dimensional because one dimension ends at
// 65,535 groups, which is 16.7 million elements.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

@compute @workgroup_size(256)
fn copy(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    y[i] = x[i];
}

// Eight numbers, x to x + 7, each become factor * number + term four times in every round; y is their sum.
// None waits for another, they fit the registers of a CPU with eight lanes too, and four times a round make what the
// loop itself takes small: only the arithmetic units set the pace.
@compute @workgroup_size(256)
fn multiply_add(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    let factor = vec4(p.factor);
    let term = vec4(p.term);
    var a = x[i] + vec4(0.0, 1.0, 2.0, 3.0);
    var b = x[i] + vec4(4.0, 5.0, 6.0, 7.0);
    for (var round = 0u; round < p.rounds; round++) {
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
    }
    let sum = a + b;
    y[i] = sum.x + sum.y + sum.z + sum.w;
}
