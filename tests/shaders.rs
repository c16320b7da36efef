//! The WGSL files against the Rust that drives them, without a GPU: every shader is valid with a browser's
//! limits, names are the same in all places, `Params` agree field by field, copied helpers are equal.

use naga::valid::{Capabilities, GlobalUse, ValidationFlags, Validator};
use naga::{AddressSpace, Module, TypeInner};
use pawgrad::cases::Source;
use pawgrad::check::{Case, all};
use pawgrad::kernel::{Buffer, Usage};
use pawgrad::tensor::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// WebGPU's default limits, which a plain rung must keep to.
const MAX_STORAGE_BUFFERS: usize = 8;
const MAX_WORKGROUP_BYTES: u32 = 16 * 1024;
const MAX_WORKGROUP_THREADS: u32 = 256;
/// Where there are tensor cores there is more workgroup memory; this much is there on every GPU, and on lavapipe.
const MAX_TENSOR_WORKGROUP_BYTES: u32 = 32 * 1024;

fn parse(name: &str, source: &str) -> Module {
    naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|why| panic!("{name}: {}", why.emit_to_string(source)))
}

/// One case per kernel.
fn kernels() -> Vec<Case> {
    let mut seen = BTreeSet::new();
    all().into_iter().filter(|case| seen.insert(case.call.name())).collect()
}

/// Name and text of every file in `shaders/`.
fn files() -> BTreeMap<String, String> {
    let folder = std::fs::read_dir("shaders").unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    paths.map(|path| (file_name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_string()
}

#[test]
fn every_shader_is_valid_and_plain_ones_need_no_feature() {
    for (file, source) in files() {
        let plain = file.matches('.').count() == 1;
        let module = parse(&file, &source);
        let tensor = source.contains("enable wgpu_cooperative_matrix;");
        let capabilities = match (plain, tensor) {
            (true, _) => Capabilities::empty(),
            (false, false) => Capabilities::SUBGROUP,
            (false, true) => {
                Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16 | Capabilities::COOPERATIVE_MATRIX
            }
        };
        let max_workgroup_bytes = if tensor { MAX_TENSOR_WORKGROUP_BYTES } else { MAX_WORKGROUP_BYTES };
        let mut validator = Validator::new(ValidationFlags::all(), capabilities);
        validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
        validator.subgroup_operations(naga::valid::SubgroupOperationSet::all());
        let info = validator.validate(&module).unwrap_or_else(|why| panic!("{file}: {:?}", why.into_inner()));

        for (index, entry) in module.entry_points.iter().enumerate() {
            let name = format!("{file} {}", entry.name);
            let uses = info.get_entry_point(index);
            let used = module.global_variables.iter().filter(|(handle, _)| !uses[*handle].is_empty());
            let (mut buffers, mut workgroup_bytes) = (0, 0);
            for (_, global) in used {
                match global.space {
                    AddressSpace::Storage { .. } => buffers += 1,
                    AddressSpace::WorkGroup => {
                        workgroup_bytes += module.types[global.ty].inner.size(module.to_ctx());
                    }
                    _ => {}
                }
            }
            assert!(buffers <= MAX_STORAGE_BUFFERS, "{name} uses {buffers} storage buffers");
            assert!(
                workgroup_bytes <= max_workgroup_bytes,
                "{name} uses {workgroup_bytes} bytes of workgroup memory"
            );
            let threads: u32 = entry.workgroup_size.iter().product();
            assert!(threads <= MAX_WORKGROUP_THREADS, "{name} has {threads} threads in a group");
        }
    }
}

#[test]
fn every_shader_belongs_to_an_op_and_every_op_has_its_files() {
    let ops: BTreeSet<_> = kernels().iter().map(|case| case.call.op()).collect();
    for op in &ops {
        for path in
            [format!("shaders/{op}.wgsl"), format!("src/reference/{op}.rs"), format!("src/ops/{op}.rs")]
        {
            assert!(Path::new(&path).is_file(), "{op} has no {path}");
        }
    }
    for file in files().keys() {
        let op = file.split('.').next().unwrap();
        assert!(ops.contains(op), "shaders/{file} belongs to no op of the case table");
    }
}

#[test]
fn kernels_have_one_name_in_reference_shader_and_table() {
    for case in kernels() {
        let (op, function) = case.call.name().split_once('.').unwrap();
        let reference = std::fs::read_to_string(format!("src/reference/{op}.rs")).unwrap();
        assert!(
            reference.contains(&format!("pub fn {function}<T: Real>(")),
            "src/reference/{op}.rs has no {function}"
        );
        let ops = std::fs::read_to_string(format!("src/ops/{op}.rs")).unwrap();
        assert!(
            ops.contains(&format!("pub static {}:", function.to_uppercase())),
            "src/ops/{op}.rs: {function}"
        );

        for Source { rung, text, entries, .. } in case.call.sources() {
            let module = parse(case.call.name(), &text);
            let known: Vec<_> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
            for entry in &entries {
                assert!(
                    known.contains(entry),
                    "{} {rung}: no entry point {entry} in {known:?}",
                    case.call.name()
                );
            }
            assert!(
                entries.iter().any(|entry| entry.starts_with(function)),
                "{} {rung}: {entries:?}",
                case.call.name()
            );
        }
    }
}

#[test]
fn every_entry_point_belongs_to_a_kernel() {
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for case in kernels() {
        for Source { text, entries, .. } in case.call.sources() {
            used.extend(entries.iter().map(|entry| (text.to_string(), entry.to_string())));
        }
    }
    for (file, source) in files() {
        for entry in parse(&file, &source).entry_points {
            assert!(
                used.contains(&(source.clone(), entry.name.clone())),
                "{file}: no kernel runs {}",
                entry.name
            );
        }
    }
}

/// What a kernel's entry points do with its buffers is what it declares.
#[test]
fn kernels_declare_the_buffers_that_their_entry_points_use() {
    for case in kernels() {
        let buffers = case.call.inputs().iter().chain(case.call.outputs());
        let declared: BTreeMap<_, _> =
            buffers.map(|buffer| (buffer.name.to_string(), (buffer.kind, buffer.usage))).collect();
        for Source { rung, text, entries, .. } in case.call.sources() {
            let used = used_buffers(&parse(case.call.name(), &text), &entries);
            let name = format!("{} {rung}", case.call.name());
            assert!(used.keys().eq(declared.keys()), "{name} uses {used:?}, declared are {declared:?}");
            for (buffer, (kind, uses)) in used {
                let (declared, usage) = declared[&buffer];
                assert_eq!(kind, declared, "{name}: {buffer}");
                let [reads, writes] = [GlobalUse::READ, GlobalUse::WRITE].map(|one| uses.contains(one));
                let agrees = match usage {
                    Usage::Read => reads && !writes,
                    Usage::Write => writes && !reads,
                    // Raising a flag is one atomic access.
                    Usage::Update | Usage::Flag => writes && reads,
                };
                assert!(agrees, "{name}: {buffer} is declared as {usage:?}, but {uses:?}");
            }
        }
    }
}

/// The buffers, or textures of their names, that some entry points use: of what kind they are, and whether they are read
/// or written.
fn used_buffers(module: &Module, entries: &[&str]) -> BTreeMap<String, (Kind, GlobalUse)> {
    let info = Validator::new(ValidationFlags::all(), Capabilities::all())
        .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
        .subgroup_operations(naga::valid::SubgroupOperationSet::all())
        .validate(module)
        .unwrap();
    let mut used = BTreeMap::new();
    for (index, entry) in module.entry_points.iter().enumerate() {
        if !entries.contains(&entry.name.as_str()) {
            continue;
        }
        let uses = info.get_entry_point(index);
        for (handle, global) in module.global_variables.iter() {
            let is_buffer = matches!(global.space, AddressSpace::Storage { .. } | AddressSpace::Handle);
            let name = global.name.as_deref().unwrap();
            // Passes hand on what they like in scratch, also named `packed`, and in `gated`, a texture of a part of it.
            if is_buffer && !uses[handle].is_empty() && !["scratch", "packed", "gated"].contains(&name) {
                let fresh = (kind_of(module, global.ty), GlobalUse::empty());
                used.entry(name.to_string()).or_insert(fresh).1 |= uses[handle];
            }
        }
    }
    used
}

fn kind_of(module: &Module, ty: naga::Handle<naga::Type>) -> Kind {
    match module.types[ty].inner {
        TypeInner::Array { base, .. } => kind_of(module, base),
        TypeInner::Vector { scalar, .. } | TypeInner::Scalar(scalar) | TypeInner::Atomic(scalar) => {
            if scalar.kind == naga::ScalarKind::Uint { Kind::U32 } else { Kind::F32 }
        }
        TypeInner::Image { .. } => Kind::F32,
        ref other => panic!("a buffer of {other:?}"),
    }
}

/// Reads before writes, flags last: so the reference takes them, and the CPU splits them.
#[test]
fn buffers_are_declared_in_order() {
    for case in kernels() {
        let usages = |buffers: &[Buffer]| buffers.iter().map(|buffer| buffer.usage).collect::<Vec<_>>();
        let (inputs, outputs) = (usages(case.call.inputs()), usages(case.call.outputs()));
        let is_flag = |usage: &Usage| *usage == Usage::Flag;
        let ordered = inputs.iter().all(|usage| *usage == Usage::Read)
            && outputs.iter().all(|usage| *usage != Usage::Read)
            && outputs.is_sorted_by_key(is_flag);
        assert!(ordered, "{}: {inputs:?}, {outputs:?}", case.call.name());
    }
}

#[test]
fn one_binding_number_per_buffer_in_all_files_of_an_op() {
    let mut numbers: BTreeMap<(String, String), u32> = BTreeMap::new();
    for (file, source) in files() {
        let op = file.split('.').next().unwrap().to_string();
        for (_, global) in parse(&file, &source).global_variables.iter() {
            let (Some(name), Some(binding)) = (&global.name, &global.binding) else { continue };
            assert_eq!(binding.group, 0, "{file} {name}");
            let number = *numbers.entry((op.clone(), name.clone())).or_insert(binding.binding);
            assert_eq!(number, binding.binding, "{file}: {name} has another number than in the plain file");
        }
    }
}

#[test]
fn params_are_the_same_struct_in_rust_and_in_every_shader() {
    for case in kernels() {
        for Source { rung, text, .. } in case.call.sources() {
            let module = parse(case.call.name(), &text);
            let params = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Params"));
            let Some((_, params)) = params else { panic!("{} {rung} has no Params", case.call.name()) };
            let TypeInner::Struct { members, .. } = &params.inner else { panic!("Params is no struct") };
            let in_shader: Vec<_> = members
                .iter()
                .map(|member| {
                    let kind = match module.types[member.ty].inner {
                        TypeInner::Scalar(naga::Scalar::U32) => "u32",
                        TypeInner::Scalar(naga::Scalar::I32) => "i32",
                        TypeInner::Scalar(naga::Scalar::F32) => "f32",
                        _ => "not a scalar",
                    };
                    (member.name.clone().unwrap(), kind, member.offset as usize)
                })
                .collect();
            let in_rust: Vec<_> = case
                .call
                .fields()
                .iter()
                .map(|field| (field.name.to_string(), field.kind, field.offset))
                .collect();
            assert_eq!(in_shader, in_rust, "{} {rung}", case.call.name());
        }
    }
}

/// What any shader may hold, so that a new op need not be listed: one text in all files, or, for `Params`, what Rust says.
const ANYWHERE: [&str; 2] = ["fn flat_index", "struct Params"];

/// What else stands in several shaders on purpose, as each is complete: which files share which items.
const COPIES: &[(&str, &str)] = &[
    ("adam adam.2_four clip_norm loss_scale loss_scale.2_four", "fn is_finite"),
    (
        "adam.2_four add.2_four average.2_four batch_norm.2_shared global_avg_pool.2_shared input.2_four leaky_relu.2_four loss_scale.2_four \
         relu.2_four",
        "fn four_apart, fn those_there, fn first_of_four",
    ),
    (
        "batch_norm.2_shared global_avg_pool.2_shared softmax.2_shared softmax_cross_entropy.2_shared",
        "fn sum_of_group",
    ),
    ("binary_cross_entropy softmax_cross_entropy softmax_cross_entropy.2_shared", "fn ln_1p"),
    ("softmax softmax.2_shared", "fn larger"),
    (
        "softmax_cross_entropy softmax_cross_entropy.2_shared",
        "fn ln_1p_of_any, fn beats, fn linear_part, fn smoothed, fn forward",
    ),
    ("conv2d conv2d.2_gemm conv2d.lanes conv2d_relu_pool conv2d_relu_pool.2_gemm", "fn source"),
    ("conv2d conv2d.lanes conv2d_relu_pool max_pool2d max_pool2d.2_constants", "fn target_of"),
    ("conv2d.2_gemm conv2d_relu_pool.2_gemm", "fn output_at"),
    ("conv2d conv2d_relu_pool", "fn backward_b"),
    (
        "conv2d.2_gemm conv2d.lanes conv2d_relu_pool.2_gemm dense.3_registers dense.4_vectors dense.lanes",
        "fn outer",
    ),
    (
        "conv2d.2_gemm conv2d.lanes conv2d_relu_pool.3_patch conv2d_relu_pool.4_tensor conv2d_relu_pool.textures",
        "fn load_b",
    ),
    (
        "conv2d.2_gemm conv2d_relu_pool.2_gemm",
        "struct TileSums, fn plus_gathered, fn sixteen_apart, fn load_term, fn load_turned_term, fn \
         gather_x, fn store_dx_square, fn store_dx_channels, fn store_partial_square, fn \
         store_partial_channels, fn backward_w, fn backward_b",
    ),
    (
        "conv2d.2_gemm conv2d_relu_pool.2_gemm conv2d_relu_pool.3_patch conv2d_relu_pool.4_tensor dense.4_vectors",
        "fn sum_of_parts",
    ),
    ("conv2d.lanes conv2d_relu_pool.3_patch conv2d_relu_pool.textures", "fn store_dx"),
    ("conv2d.lanes conv2d_relu_pool.textures", "struct Line"),
    ("conv2d_relu_pool conv2d_relu_pool.2_gemm", "fn load_dz"),
    (
        "conv2d_relu_pool conv2d_relu_pool.2_gemm max_pool2d max_pool2d.2_constants softmax_cross_entropy \
         softmax_cross_entropy.2_shared",
        "fn is_nan",
    ),
    (
        "conv2d_relu_pool.3_patch conv2d_relu_pool.4_tensor",
        "fn load_x, fn load_w_3x3, struct WindowDz, fn load_window_dz_at, fn load_window_dz",
    ),
    (
        "conv2d_relu_pool.3_patch conv2d_relu_pool.4_tensor conv2d_relu_pool.textures",
        "override in_channels, fn is_nan4, struct Best, fn relu, fn best_after, fn pool_window",
    ),
    (
        "conv2d_relu_pool.3_patch conv2d_relu_pool.textures",
        "struct PatchSums, struct Run, fn plus_slid, fn plus_three, fn store_argmax",
    ),
    ("dense dense.2_shared dense.lanes", "fn forward"),
    ("dense.2_shared dense.3_registers dense.4_vectors dense.lanes", "fn load_dy_feature"),
    ("dense.2_shared dense.3_registers dense.lanes", "fn load_x_feature, fn load_w_feature"),
    ("dense.4_vectors dense.lanes", "fn store_partial_features"),
];

#[test]
fn helpers_of_one_name_are_copies_of_each_other() {
    let mut places: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
    for (file, source) in files() {
        for Copyable { name, code, comment } in functions(&source) {
            let file = file.trim_end_matches(".wgsl").to_string();
            places.entry((name, code)).or_default().push((file, comment));
        }
    }

    let mut found = BTreeSet::new();
    for ((name, _), copies) in places.iter().filter(|(_, copies)| copies.len() > 1) {
        let mut files: Vec<_> = copies.iter().map(|(file, _)| file.as_str()).collect();
        files.sort_unstable();
        if !ANYWHERE.contains(&name.as_str()) {
            found.insert((name.as_str(), files));
        }
        let comments: BTreeSet<_> = copies.iter().map(|(_, comment)| comment).collect();
        assert!(comments.len() == 1, "comments on copies of {name} differ: {comments:#?}");
    }
    let listed = COPIES
        .iter()
        .flat_map(|(files, names)| {
            let files: Vec<_> = files.split_whitespace().collect();
            names.split(", ").map(move |name| (name, files.clone()))
        })
        .collect();
    let not_listed: Vec<_> = found.difference(&listed).collect();
    assert!(not_listed.is_empty(), "copies that COPIES does not list: {not_listed:#?}");
    let not_copies: Vec<_> = listed.difference(&found).collect();
    assert!(
        not_copies.is_empty(),
        "COPIES lists what is no copy, or not in these files alone: {not_copies:#?}"
    );

    // A name means one thing, except where Rust gives it to each op: entry points, Params and overrides.
    let mut texts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, code) in places.keys() {
        if !code.starts_with("@compute") && name != "struct Params" && !name.starts_with("override") {
            texts.entry(name).or_default().insert(code);
        }
    }
    for (name, texts) in texts {
        assert!(texts.len() == 1, "{name} stands for different things: {texts:#?}");
    }
}

/// A part of a shader that may stand in others too.
struct Copyable {
    /// What it is and its name; a block of overrides is named after its first.
    name: String,
    code: String,
    comment: String,
}

/// The functions, structs, aliases and blocks of two or more overrides of a shader.
fn functions(source: &str) -> Vec<Copyable> {
    let mut found = Vec::new();
    let lines: Vec<_> = source.lines().collect();
    let (mut at, mut comment) = (0, Vec::new());
    while at < lines.len() {
        let rest = &lines[at..];
        let line = rest[0];
        let len = match line.split([' ', '(']).next() {
            Some("@compute" | "fn" | "struct") => rest.iter().position(|line| *line == "}").unwrap() + 1,
            Some("override") => rest.iter().take_while(|line| line.starts_with("override ")).count(),
            _ => 1,
        };
        let declaration = if line.starts_with("@compute") { rest[1] } else { line };
        let is_copyable = match declaration.split(' ').next() {
            Some("fn" | "struct" | "alias") => true,
            Some("override") => len > 1,
            _ => false,
        };
        if is_copyable {
            let name: Vec<_> = declaration.split([' ', '(', ':', ';']).take(2).collect();
            let [name, code, comment] = [name.join(" "), rest[..len].join("\n"), comment.join("\n")];
            found.push(Copyable { name, code, comment });
        }
        if line.starts_with("//") {
            comment.push(line);
        } else {
            comment.clear();
        }
        at += len;
    }
    found
}

/// Storing one component may touch the others (WGSL leaves that open, and Metal does), so that two threads must not share
/// a vector.
#[test]
fn vectors_that_threads_share_are_stored_whole() {
    for (file, source) in files() {
        for line in source.lines().filter(|line| line.starts_with("var<workgroup>") && line.contains("vec")) {
            let name = line.split_whitespace().nth(1).unwrap().trim_end_matches(':');
            let stores = source.lines().map(str::trim).filter(|line| line.starts_with(&format!("{name}[")));
            for store in stores {
                let target = store.split(" = ").next().unwrap();
                assert!(target.ends_with(']') && !target.contains("]["), "{file}: {store}");
            }
        }
    }
}

/// Tiles, and how much one thread adds up: a `const` of the shader has the value that the rung declares, and an `override`
/// is set to it.
#[test]
fn constants_of_a_rung_are_those_of_its_shader() {
    // By op and rung: kernels of one rung share a file, and each declares what it needs.
    let mut rungs = BTreeMap::new();
    for case in kernels() {
        for Source { rung, text, constants, .. } in case.call.sources() {
            let fresh = || (parse(case.call.name(), &text), BTreeMap::new());
            let (_, declared) = rungs.entry((case.call.op(), rung)).or_insert_with(fresh);
            for (name, value) in constants {
                let before: Option<f64> = declared.insert(*name, *value);
                assert!(before.is_none_or(|before| before == *value), "{} {rung}: {name}", case.call.name());
            }
        }
    }
    for ((op, rung), (module, declared)) in rungs {
        let in_shader = constants(&module);
        for (name, value) in &declared {
            let known =
                in_shader.get(*name).unwrap_or_else(|| panic!("{op} {rung}: no {name} in the shader"));
            assert!(
                known.is_none_or(|known| known == *value),
                "{op} {rung}: {name} is {known:?}, not {value}"
            );
        }
        // The other way round: what the file of a rung names of its shader's is declared.
        let named = names_in_rust(op, rung);
        for name in in_shader.keys().filter(|name| named.contains(*name)) {
            assert!(declared.contains_key(name.as_str()), "{op} {rung}: {name} is not declared");
        }
    }
}

/// The numbers among the `const`s of a shader, and its `override`s, which have no value yet.
fn constants(module: &Module) -> BTreeMap<String, Option<f64>> {
    let value = |constant: &naga::Constant| match module.global_expressions[constant.init] {
        naga::Expression::Literal(naga::Literal::U32(value)) => Some(f64::from(value)),
        naga::Expression::Literal(naga::Literal::I32(value)) => Some(f64::from(value)),
        naga::Expression::Literal(naga::Literal::F32(value)) => Some(f64::from(value)),
        _ => None,
    };
    let constants = module.constants.iter().filter_map(|(_, constant)| {
        let value = value(constant)?;
        Some((constant.name.clone()?, Some(value)))
    });
    let overrides = module.overrides.iter().filter_map(|(_, declared)| Some((declared.name.clone()?, None)));
    constants.chain(overrides).collect()
}

/// The names in capitals in the file that lays out a rung's grids.
fn names_in_rust(op: &str, rung: &str) -> BTreeSet<String> {
    let of_its_own =
        format!("src/ops/{op}/{}.rs", rung.trim_start_matches(|c: char| c.is_numeric() || c == '_'));
    let files = [of_its_own, format!("src/ops/{op}/rungs.rs"), format!("src/ops/{op}.rs")];
    let text = files.iter().find_map(|file| std::fs::read_to_string(file).ok()).unwrap();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = text.split(|c| !is_word(c)).filter(|word| word.starts_with(char::is_uppercase));
    words.map(str::to_string).collect()
}

/// A rung may have other words than its file, in the lines that say so by a star, and in no others.
#[test]
fn what_a_rung_replaces_is_marked() {
    let files = files();
    let mut replacing = 0;
    for case in kernels() {
        for Source { rung, file, text, .. } in case.call.sources() {
            let source = &files[&file];
            for (own, of_file) in text.lines().zip(source.lines()).filter(|(own, of_file)| own != of_file) {
                assert!(own.ends_with("// *") && of_file.ends_with("// *"), "{file}, {rung}: {own}");
            }
            let starred = source.lines().filter(|line| line.ends_with("// *")).count();
            let changed = text.lines().zip(source.lines()).filter(|(own, of_file)| own != of_file).count();
            assert!(
                [0, starred].contains(&changed),
                "{file}, {rung}: {changed} lines of {starred} are replaced"
            );
            assert_eq!(text.lines().count(), source.lines().count());
            replacing += usize::from(changed > 0);
        }
    }
    assert_eq!(replacing, 3, "forward, backward_x and backward_w on tensor cores for matrices of 8 x 8");
}
