// ceiling: the most that an adapter can do, to measure other kernels against
//
//   copy           y = x
//   multiply_add   y = the sum of eight numbers, x to x + 7, after number = factor * number + term, 16 * rounds times
//
// Shapes      x and y hold p.len values
// One thread  owns one element; in copy four, each as many elements behind the one before as there are threads, so that four
//             loads are under way at a time
// Reads       1;  writes 1
// Cost        copy: the time is that of moving the bytes
//             multiply_add: 256 * p.rounds FLOP an element, all of them in registers

struct Params {
    len: u32,
    rounds: u32,
    factor: f32,
    term: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

@compute @workgroup_size(256)
fn copy(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let threads = groups.x * groups.y * 256u;
    let a = flat_index(id, groups);
    let b = a + threads;
    let c = b + threads;
    let d = c + threads;
    if (d < p.len) {
        let four = vec4(x[a], x[b], x[c], x[d]);
        y[a] = four.x;
        y[b] = four.y;
        y[c] = four.z;
        y[d] = four.w;
        return;
    }
    if (a < p.len) { y[a] = x[a]; }
    if (b < p.len) { y[b] = x[b]; }
    if (c < p.len) { y[c] = x[c]; }
}

// Only the arithmetic units set the pace here. The eight numbers do not wait for each other, and they stay in registers,
// on a CPU with eight lanes too. Each gets 16 multiply-adds a round, so that the loop itself costs little beside them.
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
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
        a = fma(factor, a, term);
        b = fma(factor, b, term);
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
