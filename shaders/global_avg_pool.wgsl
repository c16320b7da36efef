// global_avg_pool: y = the mean of each map
//
// Shapes      x, dx [batch, channels, area]; y, dy [batch, channels]
// One thread  forward: one element of y; backward_x: one element of dx
// Reads       forward area, backward_x 1;  writes 1
// Cost        the time is that of moving the bytes. Rung 2 is faster: docs/ladder.md

struct Params {
    batch: u32,
    channels: u32,
    area: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// y[n, c] = sum_i x[n, c, i] / area
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let plane = flat_index(id, groups);
    if (plane >= p.batch * p.channels) { return; }
    var sum = 0.0;
    for (var i = 0u; i < p.area; i++) { sum += x[plane * p.area + i]; }
    y[plane] = sum / f32(p.area);
}

// Every x[n, c, i] enters y[n, c] with the factor 1 / area, and nothing else. So dx[n, c, i] = dy[n, c] / area.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let element = flat_index(id, groups);
    if (element >= p.batch * p.channels * p.area) { return; }
    dx[element] = dy[element / p.area] / f32(p.area);
}
