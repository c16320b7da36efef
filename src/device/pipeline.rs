//! A shader file, and its entry points compiled for one adapter.

use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A shader file, parsed once.
pub(crate) struct Shader {
    label: String,
    module: wgpu::ShaderModule,
    checks: bool,
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
    /// Parses `source`; errors reach the device's error handler. `checks` are wgpu's: of bounds, loops and divisions, and
    /// zeroed workgroup memory. On lavapipe a step's convolutions took as long with them (1.45 and 1.56 s) as without (1.54
    /// and 1.83 s, in turn).
    pub fn new(device: &wgpu::Device, label: &str, source: &str, checks: bool) -> Shader {
        let parsed = naga::front::wgsl::parse_str(source)
            .unwrap_or_else(|why| panic!("{label}: {}", why.emit_to_string(source)));
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        let module = if checks {
            device.create_shader_module(descriptor)
        } else {
            let none = wgpu::ShaderRuntimeChecks::unchecked();
            // SAFETY: all kernels are this crate's own, and the tests run every one at awkward sizes against its definition.
            unsafe { device.create_shader_module_trusted(descriptor, none) }
        };
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
                zero_initialize_workgroup_memory: shader.checks,
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
