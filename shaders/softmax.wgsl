// softmax: y = exp(x - max) / sum of exp(x - max), over the classes of each image
//
// Shapes      x, y [batch, classes]
// One thread  owns the classes of one image
// Reads       3 * classes;  writes classes
// Cost        next to nothing: it runs once for each prediction, on as many numbers as there are classes
//
// The largest logit is taken away first. The result is the same, and no exponential overflows.

struct Params {
    batch: u32,
    classes: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Number of this thread in the whole grid. The grid has two dimensions because one dimension may have at most
// 65,535 workgroups, which is 16.7 million threads.
fn flat_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.y * groups.x * 256u + id.x;
}

// Where the first largest of an image's logits is.
fn largest(first: u32) -> u32 {
    var best = first;
    for (var i = first; i < first + p.classes; i++) {
        if (x[i] > x[best]) { best = i; }
    }
    return best;
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let n = flat_index(id, groups);
    if (n >= p.batch) { return; }
    let first = n * p.classes;
    let top = x[largest(first)];
    var sum = 0.0;
    for (var i = first; i < first + p.classes; i++) {
        sum += exp(x[i] - top);
    }
    for (var i = first; i < first + p.classes; i++) {
        y[i] = exp(x[i] - top) / sum;
    }
}
