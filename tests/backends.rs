//! What becomes of every pass of every rung on drivers that no test here runs on: naga writes it for Metal and for DX12
//! without an error, and the SPIR-V is what Vulkan asks for, as Khronos's own validator says.
//!
//! No driver compiles these texts here, so that one may still refuse them.

#[allow(dead_code)] // it also says what is a default
#[path = "../benches/registers/programs.rs"]
mod programs;

use naga::ShaderStage;
use naga::back::{hlsl, msl};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use programs::{Program, programs};
use std::io::Write;
use std::process::{Command, Stdio};

/// What is known to fail with passes for tensor cores: with which backend, a part of what it says, and why.
const KNOWN: [(&str, &str, &str); 3] = [
    ("Metal", "a matrix of 16x16", "Metal's matrices are 8x8; naga 30 writes others all the same"),
    ("DX12", "CooperativeMatrix", "naga 30 has no cooperative matrices for DX12"),
    (OLD_VALIDATOR, "Invalid capability operand: 6022", "it does not know SPV_KHR_cooperative_matrix yet"),
];
/// Debian 12 has it; Debian 13 has 2025.1, which knows all.
const OLD_VALIDATOR: &str = "spirv-val 2023.1";

/// Fails where a pass fails that must not, and where none fails as it is listed above any more.
fn check_all(backend: &str, check: impl Fn(&Program) -> Result<(), String>) {
    let known = KNOWN.iter().find(|(name, ..)| *name == backend);
    let (mut failures, mut excused) = (Vec::new(), 0);
    let programs = programs();
    for program in &programs {
        let Program { kernel, rung, pass, size, shader, .. } = program;
        let Err(why) = check(program) else { continue };
        if known.is_some_and(|(_, symptom, _)| why.contains(symptom)) && shader.uses_tensor_cores() {
            excused += 1;
        } else {
            failures.push(format!("{kernel}, rung {rung}, pass {pass}, compiled for \"{size}\": {why}"));
        }
    }
    assert!(failures.is_empty(), "{backend}: {} fail:\n\n{}", failures.len(), failures.join("\n\n"));
    assert!(programs.len() > excused);
    if let Some((_, symptom, why)) = known {
        assert!(
            excused > 0,
            "{backend} says \"{symptom}\" of no pass any more: take it off the list ({why})"
        );
    }
}

const CHECKED: BoundsCheckPolicies = BoundsCheckPolicies {
    index: BoundsCheckPolicy::Restrict,
    buffer: BoundsCheckPolicy::Restrict,
    image_load: BoundsCheckPolicy::Restrict,
    binding_array: BoundsCheckPolicy::Unchecked,
};

/// As wgpu-hal asks for it (metal/device.rs), in the language of the first Macs with Apple's own GPUs.
#[test]
fn metal() {
    check_all("Metal", |Program { shader, .. }| {
        let options =
            msl::Options { lang_version: (2, 3), bounds_check_policies: CHECKED, ..msl::Options::default() };
        let pipeline = msl::PipelineOptions {
            entry_point: Some((ShaderStage::Compute, shader.entry.clone())),
            ..msl::PipelineOptions::default()
        };
        let (text, info) = msl::write_string(&shader.module, &shader.info, &options, &pipeline)
            .map_err(|why| why.to_string())?;
        info.entry_point_names[0].as_ref().map_err(|why| why.to_string())?;
        let sizes = text.split("simdgroup_").skip(1).filter_map(|rest| {
            let size = rest.trim_start_matches("half").trim_start_matches("float");
            size.starts_with(|c: char| c.is_ascii_digit()).then(|| size.split([' ', '&', '>']).next())?
        });
        sizes
            .into_iter()
            .find(|size| *size != "8x8")
            .map_or(Ok(()), |size| Err(format!("a matrix of {size}")))
    });
}

/// As wgpu-hal asks for it (dx12/device.rs), with the first shader model that has subgroups.
#[test]
fn dx12() {
    check_all("DX12", |Program { shader, .. }| {
        let options = hlsl::Options { shader_model: hlsl::ShaderModel::V6_0, ..hlsl::Options::default() };
        let pipeline =
            hlsl::PipelineOptions { entry_point: Some((ShaderStage::Compute, shader.entry.clone())) };
        let write = || {
            let mut text = String::new();
            let written =
                hlsl::Writer::new(&mut text, &options, &pipeline).write(&shader.module, &shader.info, None);
            let names = written.map_err(|why| why.to_string())?.entry_point_names;
            names.into_iter().try_for_each(|name| name.map(|_| ()).map_err(|why| why.to_string()))
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(write)).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<&str>().map(|said| said.to_string());
            Err(said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
        })
    });
}

/// The SPIR-V that wgpu would hand to a driver with Vulkan 1.3.
#[test]
fn vulkan() {
    let version = Command::new("spirv-val").arg("--version").output();
    let version = version.expect("this test needs spirv-val (tests/run installs it; Debian: spirv-tools)");
    let is_old = String::from_utf8_lossy(&version.stdout).contains(" v2023.1 ");
    check_all(if is_old { OLD_VALIDATOR } else { "spirv-val" }, |Program { shader, .. }| {
        let bytes: Vec<u8> = shader.spirv()?.into_iter().flat_map(u32::to_le_bytes).collect();
        let mut validator = Command::new("spirv-val");
        validator.args(["--target-env", "vulkan1.3", "-"]);
        validator.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut validator = validator.spawn().unwrap();
        // It may have seen enough before it has read all.
        let _ = validator.stdin.take().unwrap().write_all(&bytes);
        let said = validator.wait_with_output().unwrap();
        let text = [said.stdout, said.stderr].concat();
        if said.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&text).into_owned()) }
    });
}
