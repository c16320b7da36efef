// Exercise 13: Half of the threads wait
//
// The shares are added up as a tree: 16 become 8, then 4, 2, 1. A subgroup has 32 threads, which are two rows of 16. In
// each step here, every subgroup that adds has one row that adds and one that waits. Choose the rows that add so that whole
// subgroups work, and the others have nothing to do.
//
// Hint: It does not matter which 8 of 16 shares are added to which other 8, as long as each is added once.
//
// exercise: dense.backward_b 2_shared
// goal: active at least 0.95

struct Params {
    batch: u32,
    in_features: u32,
    out_features: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(8) var<storage, read_write> db: array<f32>;

const TILE = 16u;
// No padding: threads read whole rows here, and two rows of 16 fill the 32 banks.
const PITCH = 16u;

// Share s of feature f is at s * PITCH + f.
var<workgroup> shares: array<f32, TILE * PITCH>;

// dy[n, o], or 0 outside.
fn load_dy(n: u32, o: u32) -> f32 {
    if (n >= p.batch || o >= p.out_features) { return 0.0; }
    return dy[n * p.out_features + o];
}

// db[o] = sum_n dy[n, o]. A group owns 16 features, and 16 threads add up a share of each.
@compute @workgroup_size(TILE, TILE)
fn backward_b(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) own: vec3<u32>) {
    let o = group.x * TILE + own.x;
    var share = 0.0;
    for (var n = own.y; n < p.batch; n += TILE) {
        share += load_dy(n, o);
    }
    shares[own.y * PITCH + own.x] = share;
    for (var step = 1u; step < TILE; step *= 2u) {
        workgroupBarrier();
        if (own.y % (2u * step) == 0u) {
            shares[own.y * PITCH + own.x] += shares[(own.y + step) * PITCH + own.x];
        }
    }
    if (own.y == 0u && o < p.out_features) { db[o] = shares[own.x]; }
}
