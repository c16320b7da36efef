// input: y = (pixel / 255 - mean) / std_dev, from bytes in [batch, height, width, channels]
//
// Shapes      pixels: batch * height * width * channels bytes, four to a word, the first in the lowest bits
//             y [batch, channels, height, width]
// One thread  owns one element of y
// Reads       1 word;  writes 1
// Cost        the time is that of moving the bytes. Rung 2 is faster: docs/ladder.md

struct Params {
    batch: u32,
    channels: u32,
    height: u32,
    width: u32,
    mean: f32,
    std_dev: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    let area = p.height * p.width;
    if (i >= p.batch * p.channels * area) { return; }
    let n = i / (p.channels * area);
    let c = i / area % p.channels;
    let byte = (n * area + i % area) * p.channels + c;
    let value = (pixels[byte / 4u] >> (8u * (byte % 4u))) & 255u;
    y[i] = (f32(value) / 255.0 - p.mean) / p.std_dev;
}
