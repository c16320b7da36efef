//! The rungs for tensor cores, on machines that have none.
//!
//! All that touches tensor cores stands in one marked section of the shader. Here plain arithmetic takes its place, and the
//! rest of the shader runs as it is on the software adapter: staging, rounding, tiles, sums, pooling, storing, on every
//! case of the table. What this cannot see is the section itself:
//!
//! - that it multiplies what its comments say is read from the SPIR-V that naga makes of it (which role and layout each
//!   matrix is loaded with), not from a result;
//! - a thread here holds eight values of a matrix of sums, and fetches those of the factors when they are multiplied, not
//!   when they are loaded: no barrier stands between the two in the shader;
//! - sums here are rounded to f32 one by one; tensor cores cut several off at a time, which the tolerance allows for;
//! - a subgroup here is threads in order; the shader takes whatever `subgroup_id` says.
//!
//! An adapter with tensor cores runs the true section, in `pawgrad gradcheck`, against the same tolerances; `tests/drivers`
//! does so on a software driver that has them.

mod common;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use pawgrad::cases::call;
use pawgrad::check::compare::half;
use pawgrad::check::{self, Case, Random, Style, Values, kernels};
use pawgrad::device::Device;
use pawgrad::kernel::{Kernel, Reference, Rounding, Rung};
use pawgrad::ops::conv2d_relu_pool::{BACKWARD_W, BACKWARD_X, FORWARD};
use pawgrad::reference::Params as _;
use pawgrad::reference::conv2d_relu_pool::Params;
use pawgrad::tensor::{Kind, Tensor};
use std::collections::{BTreeMap, BTreeSet};

const BEGIN: &str = "// ---- tensor cores";
const END: &str = "// ---- end of tensor cores\n";

const KERNELS: [&Kernel<Params>; 3] = [&FORWARD, &BACKWARD_X, &BACKWARD_W];

/// A rung, and the subgroups that it is run with.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Adapter {
    rung: &'static str,
    /// Threads of a subgroup.
    lanes: u32,
    /// Most threads that one may have, which the shader is compiled for.
    most: u32,
}

/// Each rung with the subgroups of its smallest adapters.
const USUAL: [Adapter; 2] =
    [Adapter { rung: "4_tensor", lanes: 32, most: 32 }, Adapter { rung: "4_tensor_8x8", lanes: 8, most: 8 }];
/// Larger subgroups, some threads of which store more, or nothing; and a driver that takes smaller ones than it could.
const OTHERS: [Adapter; 3] = [
    Adapter { rung: "4_tensor", lanes: 64, most: 64 },
    Adapter { rung: "4_tensor", lanes: 32, most: 64 },
    Adapter { rung: "4_tensor_8x8", lanes: 32, most: 32 },
];

fn rung(kernel: &'static Kernel<Params>, name: &str) -> &'static Rung<Params> {
    kernel.rungs.iter().find(|rung| rung.name == name).expect("a rung for tensor cores")
}

/// The shader without tensor cores. Each thread of a subgroup holds eight values of a row of a matrix of sums, until none are
/// left to hold.
fn emulated(source: &str, lanes: u32) -> String {
    let (before, rest) = source.split_once(BEGIN).expect("the section begins");
    let (_, after) = rest.split_once(END).expect("the section ends");
    let before = before.replace("enable wgpu_cooperative_matrix;\n", "");
    for part in [&before, after] {
        let code = part.lines().filter(|line| !line.trim_start().starts_with("//"));
        let touching: Vec<_> = code.filter(|line| line.contains("coop")).collect();
        assert!(touching.is_empty() && !part.contains(BEGIN), "outside of the section: {touching:?}");
    }
    // Two terms at a time: a software driver ends loops early, but takes minutes to compile all sixteen written out.
    let terms: String = (0..2)
        .map(|k| {
            let four = |from: u32| {
                let values = (from..from + 4).map(|c| format!("right_value(right, k + {k}u, column + {c}u)"));
                values.collect::<Vec<_>>().join(", ")
            };
            format!(
                "        let l{k} = left_value(left, row, k + {k}u);\n        a += l{k} * vec4({});\n        b += l{k} * vec4({});\n",
                four(0),
                four(4)
            )
        })
        .collect();
    let stores = |array: &str| -> String {
        let store =
            |c: usize| format!("        {array}[at + {c}u] = {}[{}];\n", ["sums.a", "sums.b"][c / 4], c % 4);
        (0..8).map(store).collect()
    };
    let (results, scratch) = (stores("results"), stores("scratch"));
    format!(
        "{before}
var<private> lane: u32;

const HOLDERS = SIDE * SIDE / 8u;

fn subgroup_of(subgroup: u32, thread: u32) -> u32 {{
    lane = thread % {lanes}u;
    return thread / {lanes}u;
}}

struct Left {{ at: u32, gradients: bool }}
struct Right {{ at: u32, channels: bool }}
struct Sums {{ a: vec4<f32>, b: vec4<f32> }}

fn load_weights(i: u32) -> Left {{ return Left(i, false); }}
fn load_gradients(i: u32) -> Left {{ return Left(i, true); }}
fn load_positions(i: u32) -> Right {{ return Right(i, false); }}
fn load_channels(i: u32) -> Right {{ return Right(i, true); }}

fn left_value(left: Left, row: u32, k: u32) -> f32 {{
    if (left.gradients) {{ return f32(staged_dz[left.at + k * DZ_PITCH + row]); }}
    return f32(packed[left.at + row * DEPTH + k]);
}}

fn right_value(right: Right, k: u32, column: u32) -> f32 {{
    if (right.channels) {{ return f32(staged_x[right.at + k * X_PITCH + column]); }}
    return f32(patches[right.at + column * PITCH + k]);
}}

fn plus_product(sums: Sums, left: Left, right: Right) -> Sums {{
    if (lane >= HOLDERS) {{ return sums; }}
    let row = lane / (SIDE / 8u);
    let column = lane % (SIDE / 8u) * 8u;
    var a = sums.a;
    var b = sums.b;
    for (var k = 0u; k < SIDE; k += 2u) {{
{terms}    }}
    return Sums(a, b);
}}

fn store_sums(i: u32, sums: Sums) {{
    let at = i + lane / (SIDE / 8u) * SUMS_PITCH + lane % (SIDE / 8u) * 8u;
    if (lane < HOLDERS) {{
{results}    }}
}}

fn store_partial_matrix(i: u32, sums: Sums) {{
    let at = i + lane / (SIDE / 8u) * padded(in_channels, COLUMNS) + lane % (SIDE / 8u) * 8u;
    if (lane < HOLDERS) {{
{scratch}    }}
}}
{after}"
    )
}

/// The kernel with no rung but one for tensor cores, emulated.
fn emulated_kernel(kernel: &'static Kernel<Params>, adapter: Adapter) -> &'static Kernel<Params> {
    let rung = rung(kernel, adapter.rung);
    let source = emulated(&rung.text(), adapter.lanes).leak();
    let constants = rung.constants.iter().copied().chain([("SUBGROUP", f64::from(adapter.most))]);
    let constants = constants.collect::<Vec<_>>().leak();
    let emulated = Rung { name: "4_emulated", source, replaced: &[], constants, lacks: |_| None, ..*rung };
    let Reference { items, f32, f64 } = kernel.reference;
    let reference = Reference { items, f32, f64 };
    Box::leak(Box::new(Kernel { rungs: vec![emulated].leak(), reference, ..*kernel }))
}

/// The cases of the table that a rung for tensor cores covers, emulated.
fn cases(adapter: Adapter) -> Vec<Case> {
    let kernels = KERNELS.map(|kernel| (kernel, emulated_kernel(kernel, adapter)));
    let case = |case: Case| {
        let (kernel, emulated) = kernels.iter().find(|(kernel, _)| kernel.name == case.call.name())?;
        let params = Params::from_words(&case.call.words());
        let call = call(emulated, params);
        (rung(kernel, adapter.rung).only_for)(&params).is_none().then_some(Case { call, ..case })
    };
    let all = check::all().into_iter().filter(|case| common::selected(case.call.name()));
    all.filter_map(case).collect()
}

fn run(case: &Case, device: &Device, inputs: &[Values], style: Style) -> Result<f64, String> {
    let outputs: Vec<_> = case.call.outputs().iter().map(|output| kernels::poison(case, output)).collect();
    pollster::block_on(kernels::check_values(case, device, "4_emulated", inputs, &outputs, style))
        .map_err(|why| format!("{}: {}\n{}\n{why}", case.call.name(), case.why, case.call.params()))
}

#[test]
fn every_rung_for_tensor_cores_is_in_this_test() {
    let ours: BTreeSet<_> =
        USUAL.iter().flat_map(|usual| KERNELS.map(|kernel| (kernel.name, usual.rung))).collect();
    let mut all = BTreeSet::new();
    for case in check::all() {
        let rungs = case.call.sources().into_iter().map(|source| source.rung);
        let halves = rungs.filter(|rung| case.call.rounding(rung) == Rounding::Halves);
        all.extend(halves.map(|rung| (case.call.name(), rung)));
    }
    assert_eq!(ours, all);
}

#[test]
fn with_plain_arithmetic_every_rung_equals_its_reference() {
    let (mut failures, mut checked) = (Vec::new(), BTreeMap::<_, usize>::new());
    for adapter in USUAL {
        // A device compiles each rung once, and all of these have one name.
        let device = common::software();
        for case in cases(adapter) {
            assert_eq!(case.call.rungs(&device), ["4_emulated"], "{}: {}", case.call.name(), case.why);
            for style in [Style::Integers, Style::Random] {
                *checked.entry((case.call.name(), adapter.rung)).or_default() += 1;
                let checked = kernels::check(&case, &device, "4_emulated", style);
                failures.extend(pollster::block_on(checked).err().map(|why| format!("{adapter:?}: {why}")));
            }
        }
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
    for (kernel, count) in checked {
        assert!(count >= 16, "{kernel:?}: only {count} checks: is there no size that the rung covers?");
    }
}

/// The sizes that need the most tiles of all: one of each kernel will do.
#[test]
fn subgroups_of_any_size_give_the_same() {
    let mut failures = Vec::new();
    for adapter in OTHERS {
        let device = common::software();
        for kernel in KERNELS.iter().filter(|kernel| common::selected(kernel.name)) {
            let cases = cases(adapter).into_iter().filter(|case| case.call.name() == kernel.name);
            let case = cases.max_by(|a, b| a.call.flop().total_cmp(&b.call.flop())).expect("a case");
            let checked = kernels::check(&case, &device, "4_emulated", Style::Integers);
            failures.extend(pollster::block_on(checked).err().map(|why| format!("{adapter:?}: {why}")));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// The case "whole tiles" of a kernel, with whole numbers.
fn whole_tiles(kernel: &str) -> Option<(Case, Vec<Values>)> {
    let found =
        cases(USUAL[0]).into_iter().find(|case| case.call.name() == kernel && case.why == "whole tiles");
    assert!(found.is_some() || !common::selected(kernel), "{kernel} has no case \"whole tiles\" any more");
    let case = found?;
    let inputs = inputs(&case, Style::Integers);
    Some((case, inputs))
}

fn inputs(case: &Case, style: Style) -> Vec<Values> {
    let mut random = Random::new(style, 7);
    case.call.inputs().iter().map(|input| case.values(input, &mut random)).collect()
}

/// The bits of every output.
fn outputs(case: &Case, device: &Device, inputs: &[Values]) -> Vec<Vec<u32>> {
    let tensor = |values: &Values| match values {
        Values::Float(values) => {
            let values: Vec<_> = values.iter().map(|&v| v as f32).collect();
            Tensor::from_f32(device, &[values.len()], &values).unwrap()
        }
        Values::Uint(values) => Tensor::from_u32(device, &[values.len()], values).unwrap(),
    };
    let inputs: Vec<_> = inputs.iter().map(tensor).collect();
    let outputs: Vec<_> = case
        .call
        .outputs()
        .iter()
        .map(|output| Tensor::zeros(device, &(case.shape)(output.name), output.kind).unwrap())
        .collect();
    case.call.run(device, &inputs.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>()).unwrap();
    let bits = |tensor: &Tensor| match tensor.kind() {
        Kind::F32 => pollster::block_on(tensor.read_f32()).unwrap().into_iter().map(f32::to_bits).collect(),
        Kind::U32 => pollster::block_on(tensor.read_u32()).unwrap(),
    };
    outputs.iter().map(bits).collect()
}

#[test]
fn what_is_multiplied_is_rounded_to_the_nearest_half_and_nothing_else_is() {
    let device = common::software();
    let cases = cases(USUAL[0]);
    assert!(!cases.is_empty() || std::env::var_os("PAWGRAD_ONLY").is_some(), "nothing fits the rung");
    for case in &cases {
        let exact = inputs(case, Style::Random);
        let rounded: Vec<_> = case
            .call
            .inputs()
            .iter()
            .zip(&exact)
            .map(|(input, values)| match values {
                Values::Float(values) if ["x", "w", "dy"].contains(&input.name) => {
                    Values::Float(values.iter().map(|&v| half(v)).collect())
                }
                values => values.clone(),
            })
            .collect();
        assert_ne!(exact, rounded, "{}", case.call.name());
        let (got, wanted) = (outputs(case, &device, &exact), outputs(case, &device, &rounded));
        assert!(got == wanted, "{}: {}: inputs are rounded in another way", case.call.name(), case.why);
    }
}

/// A gradient that does not fit a half must show, or the loss would be scaled too much for good.
#[test]
fn a_gradient_beyond_the_largest_half_becomes_infinite() {
    let device = common::software();
    for kernel in ["conv2d_relu_pool.backward_x", "conv2d_relu_pool.backward_w"] {
        let Some((case, mut values)) = whole_tiles(kernel) else { continue };
        let at = |name| case.call.inputs().iter().position(|input| input.name == name).unwrap();
        let (y, dy) = (at("y"), at("dy"));
        for (gradient, overflows) in [(65504.0, false), (65519.0, false), (65520.0, true), (-1e30, true)] {
            for (i, value) in [(y, 1.0), (dy, gradient)] {
                let Values::Float(values) = &mut values[i] else { panic!("floats") };
                values[5] = value;
            }
            let finite =
                outputs(&case, &device, &values)[0].iter().all(|&bits| f32::from_bits(bits).is_finite());
            assert_eq!(finite, !overflows, "{kernel}: {gradient}");
        }
    }
}

#[test]
fn nan_passes_through() {
    let device = common::software();
    let Some((case, mut values)) = whole_tiles("conv2d_relu_pool.forward") else { return };
    let Values::Float(x) = &mut values[0] else { panic!("x is floats") };
    // The corner of the first picture, and the middle of the second one's last channel.
    let len = x.len();
    (x[0], x[len - 20]) = (f64::NAN, f64::NAN);
    run(&case, &device, &values, Style::Integers).unwrap();
    let nans =
        outputs(&case, &device, &values)[0].iter().filter(|&&bits| f32::from_bits(bits).is_nan()).count();
    assert!(nans >= 2 * 64, "{nans}");
}

/// Vulkan's numbers (SPV_KHR_cooperative_matrix): the instruction, then what a matrix is used as and how it lies in memory.
mod spirv {
    pub const TYPE: u16 = 4456;
    pub const LOAD: u16 = 4457;
    pub const STORE: u16 = 4458;
    pub const MULTIPLY_ADD: u16 = 4459;
    pub const CONSTANT: u16 = 43;
    pub const MATRIX_A: u32 = 0;
    pub const MATRIX_B: u32 = 1;
    pub const SUMS: u32 = 2;
    pub const ROW_MAJOR: u32 = 0;
    pub const COLUMN_MAJOR: u32 = 1;
}

/// Opcode and operands of every instruction of a module.
fn instructions(words: &[u32]) -> Vec<(u16, Vec<u32>)> {
    let (mut rest, mut found) = (&words[5..], Vec::new());
    while let Some(&first) = rest.first() {
        let (instruction, behind) = rest.split_at((first >> 16) as usize);
        found.push((first as u16, instruction[1..].to_vec()));
        rest = behind;
    }
    found
}

#[test]
fn the_true_section_is_valid_and_loads_each_matrix_in_its_role_and_layout() {
    check_section("4_tensor", 16);
    check_section("4_tensor_8x8", 8);
}

fn check_section(name: &str, side: u32) {
    use spirv::*;
    let source = &*rung(&FORWARD, name).text();
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|why| panic!("{}", why.emit_to_string(source)));
    let capabilities =
        Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16 | Capabilities::COOPERATIVE_MATRIX;
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
    validator.subgroup_operations(naga::valid::SubgroupOperationSet::all());
    let info = validator.validate(&module).unwrap_or_else(|why| panic!("{}", why.emit_to_string(source)));
    let sizes = ["in_channels", "in_h", "in_w", "out_channels", "out_h", "out_w"];
    let sizes = sizes.iter().map(|name| (name.to_string(), 32.0)).collect();

    // Of each entry point: use, layout and stride of what is loaded, and stride of what is stored.
    let weights_and_positions = [(MATRIX_A, ROW_MAJOR, 16), (MATRIX_B, COLUMN_MAJOR, 24)];
    let gradients_and_channels =
        [(MATRIX_A, COLUMN_MAJOR, 4 * side + 8), (MATRIX_B, ROW_MAJOR, 2 * side + 8)];
    for (entry, loads, stores) in [
        ("forward", weights_and_positions, side + 4),
        ("backward_x", weights_and_positions, side + 4),
        ("backward_w_partial", gradients_and_channels, 32),
    ] {
        let stage = Some((naga::ShaderStage::Compute, entry));
        let (module, info) =
            naga::back::pipeline_constants::process_overrides(&module, &info, stage, &sizes).unwrap();
        let options = naga::back::spv::Options { lang_version: (1, 6), ..Default::default() };
        let pipeline = naga::back::spv::PipelineOptions {
            shader_stage: naga::ShaderStage::Compute,
            entry_point: entry.to_string(),
        };
        let words = naga::back::spv::write_vec(&module, &info, &options, Some(&pipeline)).unwrap();
        let found = instructions(&words);
        let of =
            |opcode| found.iter().filter(move |(found, _)| *found == opcode).map(|(_, operands)| operands);
        let constants: BTreeMap<u32, u32> = of(CONSTANT).map(|c| (c[1], c[2])).collect();
        // Scalar, scope, rows, columns, use.
        let uses: BTreeMap<u32, u32> = of(TYPE).map(|t| (t[0], constants[&t[5]])).collect();
        for ty in of(TYPE) {
            assert_eq!([3, 4].map(|i| constants[&ty[i]]), [side, side], "{entry}: rows and columns");
        }
        let loaded: BTreeSet<_> =
            of(LOAD).map(|load| (uses[&load[0]], constants[&load[3]], constants[&load[4]])).collect();
        assert_eq!(loaded, BTreeSet::from(loads), "{entry}: use, layout and stride of what is loaded");
        // The stride in scratch is worked out from `in_channels`, 32 here, of which whole tiles fit.
        let stride = |id| constants.get(id).copied().unwrap_or(32);
        let stored: BTreeSet<_> = of(STORE).map(|store| (constants[&store[2]], stride(&store[3]))).collect();
        assert_eq!(
            stored,
            BTreeSet::from([(ROW_MAJOR, stores)]),
            "{entry}: layout and stride of what is stored"
        );
        // Rows of an operand begin at multiples of 16 bytes (VUID-RuntimeSpirv-OpCooperativeMatrixLoadKHR-08986).
        assert!(loads.iter().all(|(_, _, stride)| stride * 2 % 16 == 0) && (stores * 4).is_multiple_of(16));
        let types: BTreeMap<u32, u32> = found
            .iter()
            .filter(|(_, operands)| operands.len() >= 2 && uses.contains_key(&operands[0]))
            .map(|(_, operands)| (operands[1], uses[&operands[0]]))
            .collect();
        let products: Vec<_> = of(MULTIPLY_ADD).collect();
        assert!(!products.is_empty(), "{entry} multiplies nothing");
        for product in products {
            let roles = [2, 3, 4].map(|i| types[&product[i]]);
            assert_eq!((uses[&product[0]], roles), (SUMS, [MATRIX_A, MATRIX_B, SUMS]), "{entry}");
        }
    }
}
