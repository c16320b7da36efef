// augment: y = (clamp(colour(picture at source(h, w)), 0, 1) - mean) / std_dev, as input does it for a picture that was
// moved, recoloured and partly erased
//
// Shapes      pixels: batch * height * width * channels bytes, four to a word, the first in the lowest bits; channels 1 or 3
//             transforms [batch, 24], the rows of reference/augment.rs;  y [batch, channels, height, width]
// One thread  owns one element of y
// Reads       12 values of a row (14 in colour), as its neighbours do, and all channels of four pixels;  writes 1
// Cost        about 200 operations in gray, most of them on integers, to find the pixels. It comes once a step, before
//             layers that do a thousand times as many
//
// A map of positions, from y to the picture, moves every element of y somewhere: no hole is left, as there would be if
// pixels were moved. Between pixels y is interpolated, bilinearly. Outside of the picture it is mirrored at its edges,
// d c b a | a b c d | d c b a, as often as it takes.

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
@group(0) @binding(2) var<storage, read> transforms: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Values of a row of transforms.
const ROW: u32 = 24u;
// Where a row has them.
const SOURCE_H: u32 = 0u;
const SOURCE_W: u32 = 3u;
const COLOUR: u32 = 6u;
const OFFSET: u32 = 15u;
const ERASED: u32 = 18u;
// No position is farther out, so that a whole number holds it.
const FARTHEST: f32 = 1048576.0;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Whether the rectangle [top, left, bottom, right) at `row` covers this element.
fn is_erased(row: u32, h: f32, w: f32) -> bool {
    return h >= transforms[row] && w >= transforms[row + 1u] && h < transforms[row + 2u] && w < transforms[row + 3u];
}

// One axis of the map of positions: the distances to the centre times the first two values at `row`, plus the third and
// the centre of the axis.
fn source_position(row: u32, from_centre: vec2<f32>, size: u32) -> f32 {
    let moved = transforms[row] * from_centre.x + transforms[row + 2u] + centre(size);
    return clamp(moved + transforms[row + 1u] * from_centre.y, -FARTHEST, FARTHEST);
}

fn centre(size: u32) -> f32 {
    return 0.5 * f32(size - 1u);
}

// The pixel of an axis that is seen at i, mirrored at the edges: with size 3, -1 is 0, 3 is 2 and 6 is 0.
fn mirrored(i: i32, size: u32) -> u32 {
    let period = 2 * i32(size);
    let rest = i % period;
    let there = select(rest, rest + period, rest < 0);
    return u32(min(there, period - 1 - there));
}

// 0 to 255, as pixels has it: `byte` counts channels of pixels.
fn load_level(byte: u32) -> f32 {
    return f32((pixels[byte / 4u] >> (8u * (byte % 4u))) & 255u);
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    let area = p.height * p.width;
    if (i >= p.batch * p.channels * area) { return; }
    let n = i / (p.channels * area);
    let c = i / area % p.channels;
    let h = f32(i % area / p.width);
    let w = f32(i % p.width);
    let row = n * ROW;
    if (is_erased(row + ERASED, h, w)) {
        y[i] = 0.0;
        return;
    }

    let from_centre = vec2(h - centre(p.height), w - centre(p.width));
    let source = vec2(
        source_position(row + SOURCE_H, from_centre, p.height),
        source_position(row + SOURCE_W, from_centre, p.width),
    );
    let first = floor(source);
    let behind = source - first;
    let top = (n * p.height + mirrored(i32(first.x), p.height)) * p.width;
    let bottom = (n * p.height + mirrored(i32(first.x) + 1, p.height)) * p.width;
    let left = mirrored(i32(first.y), p.width);
    let right = mirrored(i32(first.y) + 1, p.width);

    var value = transforms[row + OFFSET + c];
    for (var ci = 0u; ci < p.channels; ci++) {
        let top_left = load_level((top + left) * p.channels + ci);
        let top_right = load_level((top + right) * p.channels + ci);
        let bottom_left = load_level((bottom + left) * p.channels + ci);
        let bottom_right = load_level((bottom + right) * p.channels + ci);
        let above = top_left + behind.y * (top_right - top_left);
        let below = bottom_left + behind.y * (bottom_right - bottom_left);
        value += transforms[row + COLOUR + 3u * c + ci] * ((above + behind.x * (below - above)) / 255.0);
    }
    y[i] = (clamp(value, 0.0, 1.0) - p.mean) / p.std_dev;
}
