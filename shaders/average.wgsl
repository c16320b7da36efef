// average: the exponential moving average of a tensor, average += (value - average) * rate
//
// Shapes      value and average hold p.len values
// One thread  owns one element
// Reads       2;  writes 1
// Cost        12 bytes moved per value: the time is that of moving them. Rung 2 is faster: docs/ladder.md

struct Params {
    len: u32,
    rate: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> value: array<f32>;
@group(0) @binding(2) var<storage, read_write> average: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

@compute @workgroup_size(256)
fn step(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    average[i] += (value[i] - average[i]) * p.rate;
}
