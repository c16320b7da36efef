//! Throwaway: SPIR-V of every entry point, and bits of every case on the software adapter.
mod common;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use pawgrad::check;
use pawgrad::check::cases::{Style, Values};
use pawgrad::kernel::Rounding;
use pawgrad::tensor::{Kind, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::hash::{Hash, Hasher};
use std::io::Write;

fn out() -> std::path::PathBuf {
    let out = std::path::PathBuf::from(std::env::var("BITS_OUT").unwrap());
    std::fs::create_dir_all(&out).unwrap();
    out
}

#[test]
fn spirv() {
    let folder = std::env::var("BITS_SHADERS").unwrap_or("shaders".to_string());
    let mut lines = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_string();
        let source = std::fs::read_to_string(&path).unwrap();
        let module = naga::front::wgsl::parse_str(&source)
            .unwrap_or_else(|why| panic!("{file}: {}", why.emit_to_string(&source)));
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
        validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
        validator.subgroup_operations(naga::valid::SubgroupOperationSet::all());
        let info = validator
            .validate(&module)
            .unwrap_or_else(|why| panic!("{file}: {}", why.emit_to_string(&source)));
        for (i, entry) in module.entry_points.iter().enumerate() {
            let _ = i;
            let constants = module.overrides.iter().map(|(_, o)| (o.name.clone().unwrap(), 4.0)).collect();
            let stage = Some((naga::ShaderStage::Compute, entry.name.as_str()));
            let (m, inf) =
                naga::back::pipeline_constants::process_overrides(&module, &info, stage, &constants).unwrap();
            let options = naga::back::spv::Options {
                lang_version: (1, 6),
                flags: naga::back::spv::WriterFlags::empty(),
                ..Default::default()
            };
            let pipeline = naga::back::spv::PipelineOptions {
                shader_stage: naga::ShaderStage::Compute,
                entry_point: entry.name.clone(),
            };
            let words = naga::back::spv::write_vec(&m, &inf, &options, Some(&pipeline)).unwrap();
            let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            std::fs::write(out().join(format!("{file}.{}.spv", entry.name)), &bytes).unwrap();
            let mut hasher = std::collections::hash_map::DefaultHasher::new();
            bytes.hash(&mut hasher);
            lines.push(format!("{file} {} {:x}", entry.name, hasher.finish()));
        }
    }
    lines.sort();
    std::fs::write(out().join("spirv.txt"), lines.join("\n")).unwrap();
}

#[test]
fn bits() {
    let device = common::software();
    let mut file = std::fs::File::create(out().join("bits.txt")).unwrap();
    for (number, case) in check::all().into_iter().enumerate() {
        if !common::selected(case.call.name()) {
            continue;
        }
        for rung in case.call.rungs(&device) {
            if case.call.rounding(rung) == Rounding::Halves {
                continue;
            }
            device.force_rung(case.call.op(), rung);
            let mut rng = ChaCha8Rng::seed_from_u64(11);
            let tensor = |values: &Values| match values {
                Values::Float(values) => {
                    let v: Vec<_> = values.iter().map(|&v| v as f32).collect();
                    Tensor::from_f32(&device, &[v.len()], &v).unwrap()
                }
                Values::Uint(values) => Tensor::from_u32(&device, &[values.len()], values).unwrap(),
            };
            let inputs: Vec<_> =
                case.call.inputs().iter().map(|n| tensor(&case.values(n, Style::Random, &mut rng))).collect();
            let outputs: Vec<_> = case
                .call
                .outputs()
                .iter()
                .map(|n| {
                    if ["parameter", "m", "v", "non_finite", "overflow", "scale", "inverse", "good_steps"]
                        .contains(n)
                        || case.call.name() == "add.accumulate"
                    {
                        tensor(&case.values(n, Style::Random, &mut rng))
                    } else {
                        let kind = if ["argmax", "hits"].contains(n) { Kind::U32 } else { Kind::F32 };
                        Tensor::zeros(&device, &(case.shape)(n), kind).unwrap()
                    }
                })
                .collect();
            case.call
                .run(&device, &inputs.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>())
                .unwrap();
            let mut hasher = std::collections::hash_map::DefaultHasher::new();
            for t in &outputs {
                let bits: Vec<u32> = match t.kind() {
                    Kind::F32 => {
                        pollster::block_on(t.read_f32()).unwrap().into_iter().map(f32::to_bits).collect()
                    }
                    Kind::U32 => pollster::block_on(t.read_u32()).unwrap(),
                };
                bits.hash(&mut hasher);
            }
            writeln!(file, "{number} {} {rung} {:x}", case.call.name(), hasher.finish()).unwrap();
        }
    }
}
