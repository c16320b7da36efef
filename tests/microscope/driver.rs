//! The software adapter, for any shader: what an independent compiler makes of it.

/// An open device.
pub struct Driver {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

impl Driver {
    pub fn open() -> Driver {
        let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
        let instance = wgpu::Instance::new(descriptor);
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::VULKAN));
        let adapter =
            adapters.into_iter().find(|adapter| adapter.get_info().device_type == wgpu::DeviceType::Cpu);
        let adapter = adapter.expect("the test needs a software Vulkan adapter (tests/run installs it)");
        let (device, queue) =
            pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
        Driver { device, queue }
    }

    /// Runs entry point `main` once on `x`; gives the `words` of `y`.
    pub fn run(&self, text: &str, x: &[u32], words: usize) -> Vec<u32> {
        use wgpu::BufferUsages as Usages;
        let buffer = |len: usize, usage| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: len as u64 * 4,
                usage,
                mapped_at_creation: false,
            })
        };
        let inputs = buffer(x.len(), Usages::STORAGE | Usages::COPY_DST);
        let outputs = buffer(words, Usages::STORAGE | Usages::COPY_SRC);
        let read = buffer(words, Usages::MAP_READ | Usages::COPY_DST);
        self.queue.write_buffer(&inputs, 0, bytemuck::cast_slice(x));
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        let layout_entry = |binding, read_only| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let layout = self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &[layout_entry(0, true), layout_entry(1, false)],
        });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: inputs.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: outputs.as_entire_binding() },
            ],
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
        drop(pass);
        encoder.copy_buffer_to_buffer(&outputs, 0, &read, 0, words as u64 * 4);
        self.queue.submit([encoder.finish()]);
        read.map_async(wgpu::MapMode::Read, .., |result| result.unwrap());
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        let view = read.get_mapped_range(..).unwrap();
        bytemuck::pod_collect_to_vec(&view)
    }
}
