// relu: y = max(x, 0), with NaN passed on
//
// Shapes      every buffer holds p.len values
// One thread  owns one element
// Reads       forward 2, which is x twice, backward_x 2;  writes 1
// Cost        next to no arithmetic: the time is that of moving the bytes
//
// How to read a shader, as this is the simplest one:
// - A function with @compute is an entry point. The GPU runs it once for each thread, and there is a thread for each
//   element. Threads come in workgroups, here of 256.
// - Bindings. The `var`s are memory on the GPU. Rust makes a buffer for each, and hands it over by its number:
//   @binding(1) is x. `read` buffers are inputs, `read_write` ones may be written. p, in `uniform` memory, holds the sizes,
//   which are the same for all threads. An entry point gets just the bindings that it uses.
// - Dispatch. Rust then says how many workgroups to run: `dispatch_workgroups(4, 1, 1)` runs four, 1024 threads, in any
//   order and as many at a time as the GPU has room for. The three numbers are the grid.
// - A thread learns from global_invocation_id which one it is, and so which element is its own.
// - Words: @group(0) is the one set of bindings that there is here. 1u is a 1 of the type u32. An `override` is a constant that
//   Rust sets before the shader is compiled. workgroup_id says in which group of the grid a thread is, and
//   local_invocation_index which one of its group. A mat4x4 is four columns of four: m[1] is its second column.
// - Workgroups are always whole: 1000 elements take four of them, 1024 threads. The guard `if (i >= p.len)` sends the
//   24 threads home that have no element.
// - Neighbouring threads read neighbouring elements: that is what memory is fast at. docs/ladder.md has more of this kind,
//   and the faster rungs.

struct Params {
    len: u32,
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

// select(a, b, condition) is b where the condition holds, else a. Here it stands in place of max(x, 0), which may turn
// NaN into 0 and so hide that a run diverged.
@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    y[i] = select(x[i], 0.0, x[i] <= 0.0);
}

// The slope of y = max(x, 0) is 1 where x > 0, which is where y > 0, and 0 where x < 0. At x = 0 it is taken as 0.
// So dx = dy where y > 0, else 0. y is read and not x, because y is kept for the next layer anyway.
@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = flat_index(id, groups);
    if (i >= p.len) { return; }
    dx[i] = select(0.0, dy[i], y[i] > 0.0);
}
