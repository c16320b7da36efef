//! Every pass of every rung, as the engine hands it to a driver. The list follows the tables of cases: no name of a rung
//! or a kernel stands here.

use naga::back::PipelineConstants;
use naga::back::pipeline_constants::process_overrides;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use pawgrad::check::{Table, all, table};
use pawgrad::device::Limits;
use std::collections::BTreeSet;

/// A pass of a rung, compiled for some sizes.
pub struct Program {
    pub kernel: &'static str,
    pub rung: &'static str,
    pub pass: &'static str,
    /// The first case that it is compiled for: a layer of the default network, or what an awkward size is there for.
    pub size: &'static str,
    /// Whether that is the first size that its rung covers.
    pub first: bool,
    pub shader: Shader,
}

/// A shader with a value for each `override`, and nothing that its one entry point does not use.
pub struct Shader {
    pub entry: String,
    pub module: Module,
    pub info: ModuleInfo,
}

impl Shader {
    /// The entry point `entry` of a WGSL text, with those of `values` that the text declares.
    pub fn new(text: &str, entry: &str, values: &[(&str, f64)]) -> Result<Shader, String> {
        let module = naga::front::wgsl::parse_str(text).map_err(|why| why.emit_to_string(text))?;
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
        validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
        let info = validator.validate(&module).map_err(|why| why.emit_to_string(text))?;
        let declares =
            |name: &str| module.overrides.iter().any(|(_, declared)| declared.name.as_deref() == Some(name));
        let values: PipelineConstants =
            values.iter().filter(|(name, _)| declares(name)).map(|&(name, v)| (name.into(), v)).collect();
        let stage = Some((ShaderStage::Compute, entry));
        let (module, info) =
            process_overrides(&module, &info, stage, &values).map_err(|why| format!("{why:?}"))?;
        let (module, info) = (module.into_owned(), info.into_owned());
        Ok(Shader { entry: entry.to_string(), module, info })
    }

    /// Whether it multiplies on tensor cores.
    pub fn uses_tensor_cores(&self) -> bool {
        let is_matrix = |ty: &naga::Type| matches!(ty.inner, naga::TypeInner::CooperativeMatrix { .. });
        self.module.types.iter().any(|(_, ty)| is_matrix(ty))
    }

    /// SPIR-V as wgpu-hal 30 asks naga for it where the driver has Vulkan 1.3: `Adapter::open` in its vulkan/adapter.rs.
    pub fn spirv(&self) -> Result<Vec<u32>, String> {
        use naga::back::spv::{
            Options, PipelineOptions, WriterFlags, ZeroInitializeWorkgroupMemoryMode, write_vec,
        };
        let options = Options {
            lang_version: (1, 6),
            flags: WriterFlags::LABEL_VARYINGS | WriterFlags::FORCE_POINT_SIZE,
            // The driver checks bounds of buffers (robustBufferAccess2) and textures (robustImageAccess).
            bounds_check_policies: BoundsCheckPolicies {
                index: BoundsCheckPolicy::Restrict,
                buffer: BoundsCheckPolicy::Unchecked,
                image_load: BoundsCheckPolicy::Unchecked,
                binding_array: BoundsCheckPolicy::Unchecked,
            },
            zero_initialize_workgroup_memory: ZeroInitializeWorkgroupMemoryMode::Native,
            force_loop_bounding: true,
            emit_int_div_checks: true,
            ..Options::default()
        };
        let pipeline =
            PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: self.entry.clone() };
        write_vec(&self.module, &self.info, &options, Some(&pipeline)).map_err(|why| why.to_string())
    }
}

/// Every pass of every rung, at each of the default network's sizes that the rung covers, else at the first awkward one
/// that it does. Sizes that give the same SPIR-V are listed once.
pub fn programs() -> Vec<Program> {
    let network = table(Table::Network { image_size: 256, batch: 32 });
    let (mut programs, mut seen, mut covered) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (case, is_network) in network.iter().map(|c| (c, true)).chain(all().iter().map(|c| (c, false))) {
        let kernel = case.call.name();
        for source in case.call.sources().into_iter().filter(|source| source.fits) {
            let rung = source.rung;
            let first = covered.insert((kernel, rung));
            if !first && !is_network {
                continue;
            }
            for pass in source.entries {
                let shader = Shader::new(&source.text, pass, &source.overrides);
                let shader = shader.unwrap_or_else(|why| panic!("{kernel} {rung} {pass}: {why}"));
                let spirv = shader.spirv().unwrap_or_else(|why| panic!("{kernel} {rung} {pass}: {why}"));
                if seen.insert((kernel, rung, pass, spirv)) {
                    programs.push(Program { kernel, rung, pass, size: case.why, first, shader });
                }
            }
        }
    }
    for case in all() {
        for source in case.call.sources() {
            let (kernel, rung) = (case.call.name(), source.rung);
            assert!(covered.contains(&(kernel, rung)), "{kernel}: no case fits the rung {rung}");
        }
    }
    programs
}

/// Kernel and rung, where an adapter with these limits takes the rung by default for a case of either table.
pub fn defaults(limits: &Limits) -> BTreeSet<(&'static str, &'static str)> {
    let cases = table(Table::Network { image_size: 256, batch: 32 }).into_iter().chain(all());
    cases.filter_map(|case| Some((case.call.name(), case.call.default_rung(limits)?.rung))).collect()
}
