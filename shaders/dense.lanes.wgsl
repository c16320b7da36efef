// dense, lanes: tiles of 32 x 4 sums in registers, factors shared by broadcasts
//
// Shapes      as in the plain file: x [batch, in_features], w [out_features, in_features], b [out_features],
//             y [batch, out_features]; dx, dw are shaped as x, w, and dy as y; scratch [parts, batch, out_features]
// One thread  owns a tile of 32 rows and four columns. forward: 32 out_features (rows) of 4 images (columns), for CHUNK
//             terms of the sum; backward_x: 32 images of 4 in_features; backward_w: 32 out_features of 4 in_features
// Reads       8 values for one term of all its 128 sums: 4 for its own columns, and 4 for rows that it shares with the
//             other lanes of its subgroup
// Cost        the FLOP of the plain file, and some for nothing: rows are rounded up to 32, columns to 4
//
// It is made for software adapters, and the default there. Rung 1 reads two values for each multiply-add: here 8 serve 128. On lavapipe a load takes longer than
// a hundred multiply-adds. Measured there on two cores, for dense1 of 64x64 pictures (x [32, 16384], w [128, 16384]), in
// ms, plain -> this: forward 472 -> 21, backward_x 539 -> 23, backward_w 501 -> 29
// (`pawgrad bench --device software --only dense1`).
//
// Subgroups must have 8 lanes or more. Which thread is which lane does not matter. GPUs have a ladder of their own:
// docs/ladder.md

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
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<storage, read_write> dw: array<f32>;
@group(0) @binding(9) var<storage, read_write> scratch: array<f32>;

// Terms that one thread of forward's first pass adds up.
override CHUNK: u32;

const ROWS = 32u; // rows of a tile: eight lanes load four each

// A thread's 32 x 4 sums, four rows to a matrix. Only ever indexed by literals: a variable index would move all of it
// from registers to memory.
alias MatrixTile = array<mat4x4<f32>, ROWS / 4u>;

// All products of an element of a (rows) and one of b (columns).
fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(a * b.x, a * b.y, a * b.z, a * b.w);
}

// Adds one term to all 128 sums. Each of the subgroup's first eight lanes has loaded four of the 32 rows, and broadcasts
// them to all lanes: 32 factors for four loads.
fn add_product(tile: ptr<function, MatrixTile>, rows: vec4<f32>, columns: vec4<f32>) {
    (*tile)[0] += outer(subgroupBroadcast(rows, 0u), columns);
    (*tile)[1] += outer(subgroupBroadcast(rows, 1u), columns);
    (*tile)[2] += outer(subgroupBroadcast(rows, 2u), columns);
    (*tile)[3] += outer(subgroupBroadcast(rows, 3u), columns);
    (*tile)[4] += outer(subgroupBroadcast(rows, 4u), columns);
    (*tile)[5] += outer(subgroupBroadcast(rows, 5u), columns);
    (*tile)[6] += outer(subgroupBroadcast(rows, 6u), columns);
    (*tile)[7] += outer(subgroupBroadcast(rows, 7u), columns);
}

// Rows 4 i to 4 i + 3 of a tile, for the loops that store it. A switch, because a tile is indexed by literals only.
fn pick_matrix(tile: MatrixTile, i: u32) -> mat4x4<f32> {
    switch i {
        case 0u: { return tile[0]; }
        case 1u: { return tile[1]; }
        case 2u: { return tile[2]; }
        case 3u: { return tile[3]; }
        case 4u: { return tile[4]; }
        case 5u: { return tile[5]; }
        case 6u: { return tile[6]; }
        default: { return tile[7]; }
    }
}

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// x[n, i], or 0 outside.
fn load_x_feature(n: u32, i: u32) -> f32 {
    if (n >= p.batch || i >= p.in_features) { return 0.0; }
    return x[n * p.in_features + i];
}

// w[o, i], or 0 outside.
fn load_w_feature(o: u32, i: u32) -> f32 {
    if (o >= p.out_features || i >= p.in_features) { return 0.0; }
    return w[o * p.in_features + i];
}

// dy[n, o], or 0 outside.
fn load_dy_feature(n: u32, o: u32) -> f32 {
    if (n >= p.batch || o >= p.out_features) { return 0.0; }
    return dy[n * p.out_features + o];
}

// x[n, i] to x[n, i + 3].
fn load_x_features(n: u32, i: u32) -> vec4<f32> {
    return vec4(load_x_feature(n, i), load_x_feature(n, i + 1u), load_x_feature(n, i + 2u), load_x_feature(n, i + 3u));
}

// w[o, i] to w[o, i + 3].
fn load_w_features(o: u32, i: u32) -> vec4<f32> {
    return vec4(load_w_feature(o, i), load_w_feature(o, i + 1u), load_w_feature(o, i + 2u), load_w_feature(o, i + 3u));
}

// y[n, o] = b[o] + sum_i x[n, i] * w[o, i], in two passes, as in the plain file. A workgroup adds up CHUNK terms for
// 32 out_features and 32 images. CHUNK is a multiple of 4.
//
// A thread reads four terms of a row at a time. Rows are often a power of two apart, so that they take each other's place
// in the cache: what lies beside a value must be used at once.
@compute @workgroup_size(8)
fn forward_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    let first_n = (group.x * 8u + thread) * 4u;
    let first_o = group.y * ROWS;
    let lane_o = first_o + lane % 8u * 4u;
    let end = min((group.z + 1u) * CHUNK, p.in_features);
    var tile = MatrixTile();
    for (var i = group.z * CHUNK; i < end; i += 4u) {
        let rows = transpose(mat4x4(load_w_features(lane_o, i), load_w_features(lane_o + 1u, i),
            load_w_features(lane_o + 2u, i), load_w_features(lane_o + 3u, i)));
        let columns = transpose(mat4x4(load_x_features(first_n, i), load_x_features(first_n + 1u, i),
            load_x_features(first_n + 2u, i), load_x_features(first_n + 3u, i)));
        add_product(&tile, rows[0], columns[0]);
        add_product(&tile, rows[1], columns[1]);
        add_product(&tile, rows[2], columns[2]);
        add_product(&tile, rows[3], columns[3]);
    }
    for (var i = 0u; i < ROWS / 4u; i++) {
        let sums = pick_matrix(tile, i);
        let o = first_o + 4u * i;
        store_partial_features(group.z, first_n, o, sums[0]);
        store_partial_features(group.z, first_n + 1u, o, sums[1]);
        store_partial_features(group.z, first_n + 2u, o, sums[2]);
        store_partial_features(group.z, first_n + 3u, o, sums[3]);
    }
}

// Four out_features of one image, in part `part`.
fn store_partial_features(part: u32, n: u32, o: u32, four: vec4<f32>) {
    if (n >= p.batch) { return; }
    let i = (part * p.batch + n) * p.out_features + o;
    if (o < p.out_features) { scratch[i] = four.x; }
    if (o + 1u < p.out_features) { scratch[i + 1u] = four.y; }
    if (o + 2u < p.out_features) { scratch[i + 2u] = four.z; }
    if (o + 3u < p.out_features) { scratch[i + 3u] = four.w; }
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
    y[element] = sum + b[element % p.out_features];
}

// x[n, i] enters every y[n, o] with the factor w[o, i], so
// dx[n, i] = sum_o dy[n, o] * w[o, i].
@compute @workgroup_size(64)
fn backward_x(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    let i = (group.x * 64u + thread) * 4u;
    let first_n = group.y * ROWS;
    let lane_n = first_n + lane % 8u * 4u;
    var tile = MatrixTile();
    for (var o = 0u; o < p.out_features; o++) {
        let rows = vec4(load_dy_feature(lane_n, o), load_dy_feature(lane_n + 1u, o),
            load_dy_feature(lane_n + 2u, o), load_dy_feature(lane_n + 3u, o));
        add_product(&tile, rows, load_w_features(o, i));
    }
    for (var row = 0u; row < ROWS / 4u; row++) {
        let sums = transpose(pick_matrix(tile, row));
        let n = first_n + 4u * row;
        store_dx_features(n, i, sums[0]);
        store_dx_features(n + 1u, i, sums[1]);
        store_dx_features(n + 2u, i, sums[2]);
        store_dx_features(n + 3u, i, sums[3]);
    }
}

// dx[n, i] to dx[n, i + 3].
fn store_dx_features(n: u32, i: u32, four: vec4<f32>) {
    if (n >= p.batch) { return; }
    let at = n * p.in_features + i;
    if (i < p.in_features) { dx[at] = four.x; }
    if (i + 1u < p.in_features) { dx[at + 1u] = four.y; }
    if (i + 2u < p.in_features) { dx[at + 2u] = four.z; }
    if (i + 3u < p.in_features) { dx[at + 3u] = four.w; }
}

// w[o, i] enters y[n, o] of every image n with the factor x[n, i], so
// dw[o, i] = sum_n dy[n, o] * x[n, i].
@compute @workgroup_size(64)
fn backward_w(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    let i = (group.x * 64u + thread) * 4u;
    let first_o = group.y * ROWS;
    let lane_o = first_o + lane % 8u * 4u;
    var tile = MatrixTile();
    for (var n = 0u; n < p.batch; n++) {
        let rows = vec4(load_dy_feature(n, lane_o), load_dy_feature(n, lane_o + 1u),
            load_dy_feature(n, lane_o + 2u), load_dy_feature(n, lane_o + 3u));
        add_product(&tile, rows, load_x_features(n, i));
    }
    for (var row = 0u; row < ROWS / 4u; row++) {
        let sums = transpose(pick_matrix(tile, row));
        let o = first_o + 4u * row;
        store_dw_features(o, i, sums[0]);
        store_dw_features(o + 1u, i, sums[1]);
        store_dw_features(o + 2u, i, sums[2]);
        store_dw_features(o + 3u, i, sums[3]);
    }
}

// dw[o, i] to dw[o, i + 3].
fn store_dw_features(o: u32, i: u32, four: vec4<f32>) {
    if (o >= p.out_features) { return; }
    let at = o * p.in_features + i;
    if (i < p.in_features) { dw[at] = four.x; }
    if (i + 1u < p.in_features) { dw[at + 1u] = four.y; }
    if (i + 2u < p.in_features) { dw[at + 2u] = four.z; }
    if (i + 3u < p.in_features) { dw[at + 3u] = four.w; }
}
