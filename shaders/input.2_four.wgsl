// input, rung 2: a thread owns four elements, and asks for all of them before it waits for the first
//
// Shapes      pixels: batch * height * width * channels bytes, four to a word, the first in the lowest bits
//             y [batch, channels, height, width]
// One thread  owns four elements of y, 256 apart
// Reads       4 words;  writes 4
// Cost        the time is that of moving the bytes. Any length, as in relu's rung 2
//
// Improves on rung 1 as relu's rung 2 does. The default on GPUs. The whole ladder: docs/ladder.md

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

// Four elements from `first` on, 256 apart: neighbouring threads own neighbouring elements.
fn four_apart(first: u32) -> vec4<u32> {
    return vec4(first, first + 256u, first + 512u, first + 768u);
}

// Those of the four elements that there are; in place of one that is missing the first, which this thread owns too.
fn those_there(i: vec4<u32>, len: u32) -> vec4<u32> {
    return select(vec4(i.x), i, i < vec4(len));
}

// The first of this thread's elements. A workgroup owns 1024 of them.
fn first_of_four(group: vec3<u32>, groups: vec3<u32>, thread: u32) -> u32 {
    return (group.y * groups.x + group.x) * 1024u + thread;
}

// The word that holds the pixel of element i, and the pixel's place in it, in bits.
fn locate_pixel(i: u32) -> vec2<u32> {
    let area = p.height * p.width;
    let n = i / (p.channels * area);
    let byte = (n * area + i % area) * p.channels + i / area % p.channels;
    return vec2(byte / 4u, byte % 4u * 8u);
}

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32) {
    let i = four_apart(first_of_four(group, groups, thread));
    let len = p.batch * p.channels * p.height * p.width;
    if (i.x >= len) { return; }
    let at = those_there(i, len);
    let a = locate_pixel(at.x);
    let b = locate_pixel(at.y);
    let c = locate_pixel(at.z);
    let d = locate_pixel(at.w);
    let words = vec4(pixels[a.x], pixels[b.x], pixels[c.x], pixels[d.x]);
    let bytes = (words >> vec4(a.y, b.y, c.y, d.y)) & vec4(255u);
    let values = (vec4<f32>(bytes) / 255.0 - p.mean) / p.std_dev;
    y[i.x] = values.x;
    if (i.y < len) { y[i.y] = values.y; }
    if (i.z < len) { y[i.z] = values.z; }
    if (i.w < len) { y[i.w] = values.w; }
}
