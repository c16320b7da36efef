//! Cooperative matrices as shaders for tensor cores use them, on a driver that has them, without any of pawgrad's kernels.
//!
//! All threads of a workgroup stage factors as halves in workgroup memory. Each subgroup multiplies matrices of its own,
//! holds four of sums as f32 across a loop, and stores them. Every driver must lay out matrices and number subgroups as the
//! shaders count on; where kernels are wrong on some driver, this says whether they are to blame.
//!
//! The system's lavapipe may have none, so `cargo test` leaves this out, and `tests/drivers` runs it on a newer one. On
//! another machine: `cargo test --release --test cooperative -- --ignored`

use std::collections::BTreeSet;
use wgpu::CooperativeScalarType::{F16, F32};
use wgpu::util::DeviceExt;

/// What is multiplied, and how it lies in workgroup memory.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Rows and columns of a matrix.
    size: u32,
    /// Threads of a workgroup.
    threads: u32,
    /// Threads of a subgroup.
    lanes: u32,
    /// Whether the left factors are staged as [row, k], else as [k, row].
    left_by_rows: bool,
    /// Whether the right factors are staged as [k, column], else as [column, k].
    right_by_rows: bool,
    /// Whether sums go through workgroup memory, else straight into the buffer.
    staged_sums: bool,
}

const GROUPS: u32 = 3;
/// Terms of each sum, of which STAGED are staged at a time.
const DEPTH: u32 = 48;
const STAGED: u32 = 16;

/// A subgroup owns 2 x 2 matrices; those of a workgroup lie below each other. Names in capitals are replaced.
const SHADER: &str = "
enable f16;
enable wgpu_cooperative_matrix;

alias Left = coop_matSIZExSIZE<f16, A>;
alias Right = coop_matSIZExSIZE<f16, B>;
alias Sums = coop_matSIZExSIZE<f32, C>;

@group(0) @binding(0) var<storage, read> left: array<f32>;
@group(0) @binding(1) var<storage, read> right: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> seen: array<vec4<u32>>;

const size = SIZEu;
const threads = THREADSu;
const rows = ROWSu;
const columns = 2u * size;
const owned = 2u * size; // rows of a subgroup
const depth = DEPTHu;
const staged = STAGEDu;
// As in the kernels: 8 halves or 4 sums more than a row has, which keeps rows at multiples of 16 bytes.
const left_pitch = LEFT_ROWu + 8u;
const right_pitch = RIGHT_ROWu + 8u;
const sums_pitch = size + 4u;

var<workgroup> staged_left: array<f16, left_pitch * LEFT_COUNTu>;
var<workgroup> staged_right: array<f16, right_pitch * RIGHT_COUNTu>;
var<workgroup> results: array<f32, rows / 2u * sums_pitch>;

fn left_at(row: u32, k: u32) -> u32 { return LEFT_AT; }
fn right_at(k: u32, column: u32) -> u32 { return RIGHT_AT; }

struct Tile { upper_left: Sums, upper_right: Sums, lower_left: Sums, lower_right: Sums }

fn plus_products(tile: Tile, own: u32, k: u32) -> Tile {
    let upper = LOAD_LEFT<Left>(&staged_left[left_at(own * owned, k)], left_pitch);
    let lower = LOAD_LEFT<Left>(&staged_left[left_at(own * owned + size, k)], left_pitch);
    let first = LOAD_RIGHT<Right>(&staged_right[right_at(k, 0u)], right_pitch);
    let second = LOAD_RIGHT<Right>(&staged_right[right_at(k, size)], right_pitch);
    return Tile(coopMultiplyAdd(upper, first, tile.upper_left), coopMultiplyAdd(upper, second, tile.upper_right),
        coopMultiplyAdd(lower, first, tile.lower_left), coopMultiplyAdd(lower, second, tile.lower_right));
}

fn store(matrix: Sums, first_row: u32, row: u32, column: u32, own: u32, thread: u32) {
    STORE
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) own: u32, @builtin(num_subgroups) subgroups: u32, @builtin(subgroup_size) lanes: u32,
    @builtin(subgroup_invocation_id) lane: u32) {
    seen[group.x * threads + thread] = vec4(own, lane, subgroups, lanes);
    let first_row = group.x * rows;
    var tile = Tile();
    for (var from_k = 0u; from_k < depth; from_k += staged) {
        for (var i = thread; i < rows * staged; i += threads) {
            let row = i / staged;
            let k = i % staged;
            staged_left[left_at(row, k)] = f16(left[(first_row + row) * depth + from_k + k]);
        }
        for (var i = thread; i < staged * columns; i += threads) {
            let k = i / columns;
            let column = i % columns;
            staged_right[right_at(k, column)] = f16(right[(from_k + k) * columns + column]);
        }
        workgroupBarrier();
        for (var k = 0u; k < staged; k += size) {
            tile = plus_products(tile, own, k);
        }
        workgroupBarrier();
    }
    store(tile.upper_left, first_row, 0u, 0u, own, thread);
    store(tile.upper_right, first_row, 0u, size, own, thread);
    store(tile.lower_left, first_row, size, 0u, own, thread);
    store(tile.lower_right, first_row, size, size, own, thread);
}
";

const STORE_STAGED: &str = "
    coopStoreT(matrix, &results[own * size * sums_pitch], sums_pitch);
    workgroupBarrier();
    for (var i = thread; i < rows / 2u * size; i += threads) {
        let subgroup = i / (size * size);
        let r = i / size % size;
        let c = i % size;
        sums[(first_row + subgroup * owned + row + r) * columns + column + c] =
            results[(subgroup * size + r) * sums_pitch + c];
    }
    workgroupBarrier();
";
const STORE_STRAIGHT: &str =
    "coopStoreT(matrix, &sums[(first_row + own * owned + row) * columns + column], columns);";

impl Shape {
    fn rows(&self) -> u32 {
        self.threads / self.lanes * 2 * self.size
    }

    fn columns(&self) -> u32 {
        2 * self.size
    }

    fn shader(&self) -> String {
        // The pointer's layout: T loads row by row.
        let load = |by_rows| if by_rows { "coopLoadT" } else { "coopLoad" };
        let (left_row, left_count, left_at) = match self.left_by_rows {
            true => (STAGED, self.rows(), "row * left_pitch + k"),
            false => (self.rows(), STAGED, "k * left_pitch + row"),
        };
        let (right_row, right_count, right_at) = match self.right_by_rows {
            true => (self.columns(), STAGED, "k * right_pitch + column"),
            false => (STAGED, self.columns(), "column * right_pitch + k"),
        };
        // Longer names before those that they begin with.
        let replaced = [
            ("LOAD_LEFT", load(self.left_by_rows).to_string()),
            ("LOAD_RIGHT", load(self.right_by_rows).to_string()),
            ("LEFT_ROW", left_row.to_string()),
            ("LEFT_COUNT", left_count.to_string()),
            ("LEFT_AT", left_at.to_string()),
            ("RIGHT_ROW", right_row.to_string()),
            ("RIGHT_COUNT", right_count.to_string()),
            ("RIGHT_AT", right_at.to_string()),
            ("STORE", if self.staged_sums { STORE_STAGED } else { STORE_STRAIGHT }.to_string()),
            ("ROWS", self.rows().to_string()),
            ("THREADS", self.threads.to_string()),
            ("DEPTH", DEPTH.to_string()),
            ("STAGED", STAGED.to_string()),
            ("SIZE", self.size.to_string()),
        ];
        replaced.iter().fold(SHADER.to_string(), |text, (name, value)| text.replace(name, value))
    }

    /// Factors that are halves, and whose sums are whole numbers that f32 holds, but beyond the largest half. Some are no
    /// numbers, or infinite.
    fn factors(&self) -> (Vec<f32>, Vec<f32>) {
        let mut state = 1u32;
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as f32 % 401.0 - 200.0
        };
        let mut left: Vec<f32> = (0..GROUPS * self.rows() * DEPTH).map(|_| number()).collect();
        let right = (0..DEPTH * self.columns()).map(|_| number()).collect();
        left[(5 * DEPTH + 7) as usize] = f32::NAN;
        left[((self.rows() + 2) * DEPTH + 20) as usize] = f32::INFINITY;
        (left, right)
    }
}

struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

impl Gpu {
    /// Runs the shader of `shape`: the sums, and of every thread its subgroup, lane, subgroups of the group and lanes.
    fn run(&self, shape: &Shape, left: &[f32], right: &[f32]) -> (Vec<f32>, Vec<u32>) {
        let Gpu { device, queue } = self;
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(shape.shader().into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let buffer = |words: &[u8]| {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: None,
                contents: words,
                usage,
            })
        };
        let sums = vec![f32::MAX; (GROUPS * shape.rows() * shape.columns()) as usize];
        let seen = vec![u32::MAX; (GROUPS * shape.threads * 4) as usize];
        let buffers = [
            buffer(bytemuck::cast_slice(left)),
            buffer(bytemuck::cast_slice(right)),
            buffer(bytemuck::cast_slice(&sums)),
            buffer(bytemuck::cast_slice(&seen)),
        ];
        let entry = |binding: u32| wgpu::BindGroupEntry {
            binding,
            resource: buffers[binding as usize].as_entire_binding(),
        };
        let entries = [0, 1, 2, 3].map(entry);
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(GROUPS, 1, 1);
        drop(pass);
        let copies = buffers[2..].iter().map(|buffer| {
            let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
            let copy = device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: buffer.size(),
                usage,
                mapped_at_creation: false,
            });
            encoder.copy_buffer_to_buffer(buffer, 0, &copy, 0, buffer.size());
            copy
        });
        let copies: Vec<_> = copies.collect();
        queue.submit([encoder.finish()]);
        copies.iter().for_each(|copy| copy.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap()));
        device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        let words = |copy: &wgpu::Buffer| copy.get_mapped_range(..).unwrap().to_vec();
        (bytemuck::pod_collect_to_vec(&words(&copies[0])), bytemuck::pod_collect_to_vec(&words(&copies[1])))
    }
}

fn check(gpu: &Gpu, shape: Shape) {
    let (left, right) = shape.factors();
    let (sums, seen) = gpu.run(&shape, &left, &right);

    let ids: BTreeSet<_> = seen.chunks(4).map(|thread| [thread[2], thread[3]]).collect();
    assert_eq!(
        ids,
        BTreeSet::from([[shape.threads / shape.lanes, shape.lanes]]),
        "num_subgroups, subgroup_size"
    );
    for (i, thread) in seen.chunks(4).enumerate() {
        let i = i as u32 % shape.threads;
        assert_eq!(thread[..2], [i / shape.lanes, i % shape.lanes], "subgroup_id, subgroup_invocation_id");
    }

    let (depth, columns) = (DEPTH as usize, shape.columns() as usize);
    let mut beyond_halves = 0;
    for (i, sum) in sums.iter().enumerate() {
        let (row, column) = (i / columns, i % columns);
        let expected: f32 = (0..depth).map(|k| left[row * depth + k] * right[k * columns + column]).sum();
        let same = *sum == expected || sum.is_nan() && expected.is_nan();
        assert!(same, "{shape:?}: row {row}, column {column} is {sum}, not {expected}");
        beyond_halves += usize::from(expected.is_finite() && expected.abs() > 65504.0);
    }
    assert!(beyond_halves > 0);
}

#[test]
#[ignore = "needs a driver with cooperative matrices: tests/drivers has one"]
fn every_subgroup_multiplies_its_own_matrices() {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let sizes = |adapter: &wgpu::Adapter| {
        let properties = adapter.cooperative_matrix_properties().into_iter();
        let ours = properties.filter(|found| {
            (found.ab_type, found.cr_type) == (F16, F32)
                && [8, 16].contains(&found.m_size)
                && [found.n_size, found.k_size] == [found.m_size; 2]
        });
        ours.map(|found| found.m_size).collect::<BTreeSet<_>>()
    };
    let adapter = adapters.into_iter().find(|adapter| !sizes(adapter).is_empty());
    let adapter = adapter.expect("an adapter that multiplies square matrices of halves and sums up in f32");
    let info = adapter.get_info();
    println!("{}, {}", info.name, info.driver_info);
    println!("{:?}", adapter.cooperative_matrix_properties());
    println!("subgroups of {} to {} threads", info.subgroup_min_size, info.subgroup_max_size);
    let descriptor = wgpu::DeviceDescriptor {
        required_features: wgpu::Features::SUBGROUP
            | wgpu::Features::SHADER_F16
            | wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
        // SAFETY: the token says that there may be bugs in what wgpu has not finished yet.
        experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
        required_limits: adapter.limits(),
        ..Default::default()
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).unwrap();
    let gpu = Gpu { device, queue };
    for size in sizes(&adapter) {
        let shape = |lanes: u32, subgroups: u32, [left_by_rows, right_by_rows, staged_sums]: [bool; 3]| {
            Shape { size, threads: lanes * subgroups, lanes, left_by_rows, right_by_rows, staged_sums }
        };
        // The driver chooses how many threads a subgroup has; here only what it chose is of interest.
        let largest = shape(info.subgroup_max_size.min(64), 4, [true, false, true]);
        let (left, right) = largest.factors();
        let lanes = gpu.run(&largest, &left, &right).1[3];
        println!("matrices of {size} x {size}, subgroups of {lanes}");
        let shape = |subgroups, layout| shape(lanes, subgroups, layout);
        for subgroups in [1, 4, 8] {
            // As forward and backward_x read weights and patches.
            check(&gpu, shape(subgroups, [true, false, true]));
        }
        for layout in [[true, false, false], [true, true, true], [false, false, true], [false, true, false]] {
            check(&gpu, shape(4, layout));
        }
    }
}
