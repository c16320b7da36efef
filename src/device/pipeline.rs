//! One entry point of a shader, compiled for one adapter, and where its buffers are bound.

use std::collections::BTreeMap;
use wgpu::naga;

pub(crate) struct Pipeline {
    pub inner: wgpu::ComputePipeline,
    /// Binding number of each storage buffer, by its name in the shader.
    pub bindings: BTreeMap<String, u32>,
}

impl Pipeline {
    /// Compiles `entry` of `source`; errors reach the device's error handler.
    ///
    /// `constants` gives a value for every `override` that the shader may declare; those that it does
    /// not declare are left out.
    pub fn new(
        device: &wgpu::Device,
        label: &str,
        source: &str,
        entry: &str,
        constants: &[(&str, f64)],
    ) -> Self {
        let parsed = naga::front::wgsl::parse_str(source)
            .unwrap_or_else(|why| panic!("{label}: {}", why.emit_to_string(source)));
        let declared = |name: &str| parsed.overrides.iter().any(|(_, o)| o.name.as_deref() == Some(name));
        let constants: Vec<_> = constants.iter().copied().filter(|(name, _)| declared(name)).collect();
        let bindings = parsed
            .global_variables
            .iter()
            .filter_map(|(_, global)| Some((global.name.clone()?, global.binding?.binding)))
            .collect();

        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let inner = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: None,
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { inner, bindings }
    }
}
