//! A shader file, and its entry points compiled for one adapter.

use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What wgpu compiles into a shader so that a wrong one does no harm. What it costs on a GPU: docs/ladder.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// Workgroup memory holds zeros when a group starts.
    pub zeroing: bool,
    /// An index stays within its array, and a divisor is not 0.
    pub bounds: bool,
    /// A loop ends after 2^64 iterations, so that a compiler must not assume that it ends.
    pub loops: bool,
}

impl Checks {
    pub const ALL: Checks = Checks { zeroing: true, bounds: true, loops: true };
    pub const NONE: Checks = Checks { zeroing: false, bounds: false, loops: false };
    /// What shaders are compiled with. No kernel reads workgroup memory that it did not write; those of trusted rungs have
    /// neither of the others.
    pub fn shipped(trusted: bool) -> Checks {
        Checks { zeroing: false, bounds: !trusted, loops: !trusted }
    }
}

/// `all`, `none`, or a list of `zeroing`, `bounds` and `loops`.
impl std::str::FromStr for Checks {
    type Err = String;

    fn from_str(text: &str) -> Result<Checks, String> {
        let mut checks = Checks::NONE;
        for word in text.split(',') {
            match word {
                "all" => checks = Checks::ALL,
                "none" => checks = Checks::NONE,
                "zeroing" => checks.zeroing = true,
                "bounds" => checks.bounds = true,
                "loops" => checks.loops = true,
                _ => return Err(format!("{word} is none of all, none, zeroing, bounds and loops")),
            }
        }
        Ok(checks)
    }
}

impl std::fmt::Display for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let all = [(self.zeroing, "zeroing"), (self.bounds, "bounds"), (self.loops, "loops")];
        let names: Vec<_> = all.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect();
        f.write_str(if names.is_empty() { "none".to_string() } else { names.join(",") }.as_str())
    }
}

/// A shader file, parsed once.
pub(crate) struct Shader {
    label: String,
    module: wgpu::ShaderModule,
    checks: Checks,
    overrides: Vec<String>,
    /// Of each entry point, by its name.
    bindings: BTreeMap<String, Rc<Bindings>>,
}

/// Binding number of each buffer and texture that an entry point uses, by its name in the shader.
type Bindings = BTreeMap<String, u32>;

pub(crate) struct Pipeline {
    pub inner: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    pub bindings: Rc<Bindings>,
}

impl Shader {
    /// Parses `source`; errors reach the device's error handler.
    pub fn new(device: &wgpu::Device, label: &str, source: &str, checks: Checks) -> Shader {
        let parsed = naga::front::wgsl::parse_str(source)
            .unwrap_or_else(|why| panic!("{label}: {}", why.emit_to_string(source)));
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        let wanted = wgpu::ShaderRuntimeChecks {
            bounds_checks: checks.bounds,
            int_div_checks: checks.bounds,
            force_loop_bounding: checks.loops,
            ..wgpu::ShaderRuntimeChecks::checked()
        };
        // SAFETY: all kernels are this crate's own, and the tests run every one at awkward sizes against its definition.
        let module = unsafe { device.create_shader_module_trusted(descriptor, wanted) };
        Shader {
            label: label.to_string(),
            module,
            checks,
            overrides: parsed.overrides.iter().filter_map(|(_, declared)| declared.name.clone()).collect(),
            bindings: bindings(label, &parsed),
        }
    }

    /// Those of `constants` that the file declares as an `override`.
    pub fn declared<'a>(&self, constants: &[(&'a str, f64)]) -> Vec<(&'a str, f64)> {
        let declares = |name| self.overrides.iter().any(|declared| declared == name);
        constants.iter().copied().filter(|(name, _)| declares(*name)).collect()
    }
}

impl Pipeline {
    /// Compiles `entry` with values for every `override` of its file; errors reach the device's error handler.
    pub fn new(device: &wgpu::Device, shader: &Shader, entry: &str, constants: &[(&str, f64)]) -> Pipeline {
        let inner = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&format!("{} {entry}", shader.label)),
            layout: None,
            module: &shader.module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                zero_initialize_workgroup_memory: shader.checks.zeroing,
            },
            cache: None,
        });
        let layout = inner.get_bind_group_layout(0);
        Pipeline { inner, layout, bindings: shader.bindings[entry].clone() }
    }
}

/// What each entry point uses, directly or through functions that it calls.
fn bindings(label: &str, parsed: &naga::Module) -> BTreeMap<String, Rc<Bindings>> {
    // wgpu checks the shader; here the validator just follows the calls.
    let mut validator = Validator::new(ValidationFlags::empty(), Capabilities::all());
    validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
    let info = validator.validate(parsed).unwrap_or_else(|why| panic!("{label}: {:?}", why.into_inner()));
    let entries = parsed.entry_points.iter().enumerate().map(|(index, entry)| {
        let uses = info.get_entry_point(index);
        let used = parsed.global_variables.iter().filter(|(handle, _)| !uses[*handle].is_empty());
        let bound = used.filter_map(|(_, global)| Some((global.name.clone()?, global.binding?.binding)));
        (entry.name.clone(), Rc::new(bound.collect()))
    });
    entries.collect()
}
