//! Mesa's RADV, which compiles for AMD's GPUs whether or not there is one: what it says of a compiled pipeline.

use super::programs::Shader;
use ash::{khr, vk};
use pawgrad::device::Limits;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};

/// A GPU that need not be there.
pub struct Gpu {
    device: ash::Device,
    executables: khr::pipeline_executable_properties::Device,
    instance: ash::Instance,
    /// Unloads the loader, so it comes last.
    _loader: ash::Entry,
    /// `Mesa 22.3.6`.
    pub driver: String,
    pub limits: Limits,
}

/// What the driver made of a shader.
pub struct Compiled {
    /// Threads that run in step.
    pub subgroup: u32,
    pub statistics: BTreeMap<String, u64>,
    pub assembly: String,
}

const EXTENSIONS: [&CStr; 2] = [khr::pipeline_executable_properties::NAME, ash::ext::robustness2::NAME];

impl Gpu {
    /// A GPU of this family, for which the environment's `RADV_FORCE_FAMILY` asks too. Mesa knows that up to version 25.
    pub fn open(family: &str) -> Result<Gpu, String> {
        // SAFETY: calls of Vulkan as its specification asks for them: handles are alive, and structs that a call reads
        // outlive it.
        unsafe {
            let loader = ash::Entry::load().map_err(|why| format!("no Vulkan loader: {why}"))?;
            let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
            let create = vk::InstanceCreateInfo::default().application_info(&application);
            let instance =
                loader.create_instance(&create, None).map_err(|why| format!("no driver: {why}"))?;
            let found = instance.enumerate_physical_devices().map_err(|why| format!("no GPU: {why}"))?;
            let found: Vec<_> =
                found.into_iter().map(|physical| Found::describe(&instance, physical)).collect();
            let names: Vec<_> = found.iter().map(|found| found.name.clone()).collect();
            let is_forced = |found: &Found| found.name.contains(&format!("(RADV {})", family.to_uppercase()));
            let found = found.into_iter().find(is_forced);
            let found = found
                .ok_or_else(|| format!("no driver takes {family} for a GPU that is there: {names:?}"))?;

            // The features that wgpu-hal enables and that change what is compiled.
            let core = vk::PhysicalDeviceFeatures::default().robust_buffer_access(true);
            let mut vulkan_13 = vk::PhysicalDeviceVulkan13Features::default()
                .robust_image_access(true)
                .shader_zero_initialize_workgroup_memory(true)
                .subgroup_size_control(true)
                .maintenance4(true);
            let mut robust = vk::PhysicalDeviceRobustness2FeaturesEXT::default()
                .robust_buffer_access2(true)
                .robust_image_access2(true);
            let mut statistics = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
                .pipeline_executable_info(true);
            let queues =
                [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
            let extensions = EXTENSIONS.map(CStr::as_ptr);
            let create = vk::DeviceCreateInfo::default()
                .queue_create_infos(&queues)
                .enabled_extension_names(&extensions)
                .enabled_features(&core)
                .push_next(&mut vulkan_13)
                .push_next(&mut robust)
                .push_next(&mut statistics);
            let device = instance
                .create_device(found.physical, &create, None)
                .map_err(|why| format!("not opened: {why}"))?;
            let executables = khr::pipeline_executable_properties::Device::new(&instance, &device);
            Ok(Gpu {
                driver: found.driver,
                limits: found.limits,
                device,
                executables,
                instance,
                _loader: loader,
            })
        }
    }

    /// Compiles a shader.
    pub fn compile(&self, shader: &Shader) -> Result<Compiled, String> {
        let words = shader.spirv()?;
        let entry = CString::new(shader.entry.as_str()).expect("names of WGSL have no zeros");
        let bindings: Vec<_> = bindings(shader).collect();
        // SAFETY: as in `open`; the SPIR-V is naga's.
        unsafe {
            let failed = |why: vk::Result| why.to_string();
            let create = vk::ShaderModuleCreateInfo::default().code(&words);
            let module = self.device.create_shader_module(&create, None).map_err(failed)?;
            let create = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            let set = self.device.create_descriptor_set_layout(&create, None).map_err(failed)?;
            let sets = [set];
            let create = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            let layout = self.device.create_pipeline_layout(&create, None).map_err(failed)?;
            // wgpu leaves the size of subgroups to the driver.
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .flags(vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE)
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(&entry);
            let capture = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
            let create =
                [vk::ComputePipelineCreateInfo::default().flags(capture).stage(stage).layout(layout)];
            let made = self.device.create_compute_pipelines(vk::PipelineCache::null(), &create, None);
            let pipeline = made.map_err(|(_, why)| failed(why))?[0];
            let said = self.ask(pipeline).map_err(failed);
            self.device.destroy_pipeline(pipeline, None);
            self.device.destroy_pipeline_layout(layout, None);
            self.device.destroy_descriptor_set_layout(set, None);
            self.device.destroy_shader_module(module, None);
            said
        }
    }

    /// # Safety
    /// `pipeline` is alive, and what is asked for here was captured.
    unsafe fn ask(&self, pipeline: vk::Pipeline) -> Result<Compiled, vk::Result> {
        let info = vk::PipelineInfoKHR::default().pipeline(pipeline);
        let executable = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        // SAFETY: the caller's promise.
        unsafe {
            let properties = self.executables.get_pipeline_executable_properties(&info)?;
            let statistics = self.executables.get_pipeline_executable_statistics(&executable)?;
            let value = |statistic: &vk::PipelineExecutableStatisticKHR| match statistic.format {
                vk::PipelineExecutableStatisticFormatKHR::UINT64 => statistic.value.u64,
                vk::PipelineExecutableStatisticFormatKHR::INT64 => statistic.value.i64 as u64,
                vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => statistic.value.f64 as u64,
                _ => u64::from(statistic.value.b32),
            };
            let statistics = statistics.iter().map(|found| (text(&found.name), value(found))).collect();
            Ok(Compiled {
                subgroup: properties[0].subgroup_size,
                statistics,
                assembly: self.assembly(&executable)?,
            })
        }
    }

    /// # Safety
    /// As for `ask`.
    unsafe fn assembly(&self, executable: &vk::PipelineExecutableInfoKHR) -> Result<String, vk::Result> {
        // SAFETY: the caller's promise; in the second call each text has the room that the first one asked for.
        unsafe {
            let mut found = self.executables.get_pipeline_executable_internal_representations(executable)?;
            let mut texts: Vec<Vec<u8>> = found.iter().map(|found| vec![0; found.data_size]).collect();
            for (found, text) in found.iter_mut().zip(&mut texts) {
                found.p_data = text.as_mut_ptr().cast();
            }
            let mut count = found.len() as u32;
            let get = self.executables.fp().get_pipeline_executable_internal_representations_khr;
            get(self.executables.device(), executable, &mut count, found.as_mut_ptr()).result()?;
            let assembly = found.iter().position(|found| text(&found.name) == "Assembly");
            let bytes = assembly.map(|at| std::mem::take(&mut texts[at])).unwrap_or_default();
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
        }
    }
}

/// A GPU that a driver lists.
struct Found {
    physical: vk::PhysicalDevice,
    name: String,
    driver: String,
    limits: Limits,
}

impl Found {
    /// # Safety
    /// `physical` is one of `instance`, which is alive.
    unsafe fn describe(instance: &ash::Instance, physical: vk::PhysicalDevice) -> Found {
        let mut driver = vk::PhysicalDeviceDriverProperties::default();
        let mut subgroups = vk::PhysicalDeviceSubgroupSizeControlProperties::default();
        let mut sizes = vk::PhysicalDeviceMaintenance4Properties::default();
        let mut properties = vk::PhysicalDeviceProperties2::default()
            .push_next(&mut driver)
            .push_next(&mut subgroups)
            .push_next(&mut sizes);
        // SAFETY: the caller's promise; a driver leaves alone the structs that it does not know.
        unsafe { instance.get_physical_device_properties2(physical, &mut properties) };
        let properties = properties.properties;
        let limits = limits(&properties.limits, subgroups.min_subgroup_size, sizes.max_buffer_size);
        let (name, driver) = (text(&properties.device_name), text(&driver.driver_info));
        Found { physical, name, driver, limits }
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // SAFETY: nothing that was made of them is left.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}

/// What the shader is bound to, numbered as in its WGSL.
fn bindings(shader: &Shader) -> impl Iterator<Item = vk::DescriptorSetLayoutBinding<'static>> {
    let module = &shader.module;
    module.global_variables.iter().filter_map(|(_, global)| {
        let kind = match (global.space, &module.types[global.ty].inner) {
            (naga::AddressSpace::Uniform, _) => vk::DescriptorType::UNIFORM_BUFFER,
            (naga::AddressSpace::Storage { .. }, _) => vk::DescriptorType::STORAGE_BUFFER,
            (_, naga::TypeInner::Image { .. }) => vk::DescriptorType::SAMPLED_IMAGE,
            _ => return None,
        };
        let binding = vk::DescriptorSetLayoutBinding::default().binding(global.binding?.binding);
        Some(binding.descriptor_type(kind).descriptor_count(1).stage_flags(vk::ShaderStageFlags::COMPUTE))
    })
}

/// Those that wgpu reports of such a GPU, without tensor cores.
fn limits(found: &vk::PhysicalDeviceLimits, min_subgroup_size: u32, max_buffer: u64) -> Limits {
    Limits {
        max_buffer,
        max_binding: u64::from(found.max_storage_buffer_range),
        max_workgroup_memory: found.max_compute_shared_memory_size,
        max_workgroup_threads: found.max_compute_work_group_invocations,
        min_subgroup_size,
        tensor_cores: None,
        max_texture_side: found.max_image_dimension2_d,
        software: false,
        own_memory: true,
        max_loop_iterations: usize::MAX,
        max_submit_flop: u64::MAX,
    }
}

/// A text that ends with a zero.
fn text(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().map(|&c| c as u8).collect();
    CStr::from_bytes_until_nul(&bytes)
        .map_or_else(|_| String::new(), |text| text.to_string_lossy().into_owned())
}
