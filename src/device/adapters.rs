//! Finding adapters and choosing one.

use super::connection::Connection;
use super::gpu::Gpu;
use super::{Device, DeviceKind, Limits, Precision, TensorCores, precision};
use crate::error::{Error, Remedy, Result, error};
use wgpu::{Backends, DeviceType};

/// Less than half the 65,535 of Mesa's llvmpipe. It counts once more for each time that a loop is entered, and for
/// `continue`: a convolution with a window of 1x1 takes six of its iterations for each channel, not three.
const SOFTWARE_LOOP_ITERATIONS: usize = 30_000;

/// 0.2 s of a GPU that reaches only 1 TFLOP/s with plain kernels.
pub const DISCRETE_SUBMIT_FLOP: u64 = 200_000_000_000;
/// 0.2 s of a GPU that reaches only 100 GFLOP/s, such as an integrated one.
pub const OTHER_SUBMIT_FLOP: u64 = 20_000_000_000;

/// Which device a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A hardware GPU if there is one, else the CPU.
    Auto,
    /// A hardware GPU.
    Gpu,
    /// This program's own CPU code.
    Cpu,
    /// A software Vulkan driver.
    Software,
    /// An adapter by its index in the list, or by a part of its name.
    Adapter(String),
}

impl std::str::FromStr for Choice {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Choice::Auto,
            "gpu" => Choice::Gpu,
            "cpu" => Choice::Cpu,
            "software" => Choice::Software,
            other => Choice::Adapter(other.to_string()),
        })
    }
}

/// As it is asked for.
impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Choice::Auto => "auto",
            Choice::Gpu => "gpu",
            Choice::Cpu => "cpu",
            Choice::Software => "software",
            Choice::Adapter(name) => name,
        })
    }
}

/// One adapter as the driver describes it.
pub struct Adapter {
    pub name: String,
    pub kind: DeviceKind,
    /// `discrete GPU`, `integrated GPU`, …
    pub type_name: &'static str,
    /// `Vulkan`, `Metal` or `Dx12`.
    pub backend: String,
    pub driver: String,
    pub limits: Limits,
    /// What mixed precision multiplies on, or what is lacking for it.
    pub tensor_cores: std::result::Result<TensorCores, Vec<&'static str>>,
    inner: wgpu::Adapter,
}

/// Every adapter that a Vulkan, Metal or DX12 driver offers; the order is the drivers' own.
pub async fn list() -> Vec<Adapter> {
    let adapters = instance().enumerate_adapters(Backends::PRIMARY).await;
    adapters.into_iter().map(Adapter::describe).collect()
}

/// The drivers' loaders; wgpu's environment variables can narrow them down.
fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends &= Backends::PRIMARY;
    wgpu::Instance::new(descriptor)
}

impl Adapter {
    fn describe(inner: wgpu::Adapter) -> Adapter {
        let (info, limits, features) = (inner.get_info(), inner.limits(), inner.features());
        let subgroups = features.contains(wgpu::Features::SUBGROUP);
        let software = info.device_type == DeviceType::Cpu;
        Adapter {
            kind: if software { DeviceKind::Software } else { DeviceKind::Gpu },
            type_name: match info.device_type {
                DeviceType::DiscreteGpu => "discrete GPU",
                DeviceType::IntegratedGpu => "integrated GPU",
                DeviceType::VirtualGpu => "virtual GPU",
                DeviceType::Cpu => "software on the CPU",
                DeviceType::Other => "other",
            },
            backend: info.backend.to_string(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
            limits: Limits {
                max_buffer: limits.max_buffer_size,
                max_binding: limits.max_storage_buffer_binding_size,
                max_workgroup_memory: limits.max_compute_workgroup_storage_size,
                max_workgroup_threads: limits.max_compute_invocations_per_workgroup,
                min_subgroup_size: if subgroups { info.subgroup_min_size } else { 0 },
                tensor_cores: None,
                max_texture_side: limits.max_texture_dimension_2d,
                software,
                own_memory: match info.device_type {
                    DeviceType::DiscreteGpu | DeviceType::VirtualGpu => true,
                    // Nobody knows of the last. What is planned for nothing may be refused; what is not planned ends programs.
                    DeviceType::IntegratedGpu | DeviceType::Cpu | DeviceType::Other => false,
                },
                max_loop_iterations: if software { SOFTWARE_LOOP_ITERATIONS } else { usize::MAX },
                max_submit_flop: match info.device_type {
                    // Nobody resets a driver that is a program.
                    DeviceType::Cpu => u64::MAX,
                    DeviceType::DiscreteGpu => DISCRETE_SUBMIT_FLOP,
                    _ => OTHER_SUBMIT_FLOP,
                },
            },
            tensor_cores: precision::tensor_cores(&inner),
            name: info.name,
            inner,
        }
    }

    /// Larger is preferred by `auto` and `gpu`.
    fn rank(&self) -> u32 {
        match self.type_name {
            "discrete GPU" => 3,
            "integrated GPU" => 2,
            "virtual GPU" => 1,
            _ => 0,
        }
    }

    async fn open(self, precision: Precision) -> Result<Device> {
        let limits = match (precision, &self.tensor_cores) {
            (Precision::F32, _) => self.limits,
            (Precision::Mixed, Ok(found)) => Limits { tensor_cores: Some(*found), ..self.limits },
            (Precision::Mixed, Err(lacks)) => {
                let (name, lacks) = (&self.name, lacks.join(", "));
                let why = error!(Usage, "mixed precision needs tensor cores, and {name} lacks {lacks}");
                return Err(why.with(Remedy::FullPrecision));
            }
        };
        let connection = Connection::open(&self.inner, &self.name, precision).await?;
        let gpu = Gpu::new(connection, limits.max_submit_flop, limits.software);
        let driver = format!("{}, {}", self.backend, self.driver);
        Ok(Device::new(self.name, driver, self.kind, limits, Some(gpu)))
    }
}

/// Where in the list the adapter is that `auto` and `gpu` take: the best hardware GPU.
pub fn preferred(adapters: &[Adapter]) -> Option<usize> {
    let hardware = adapters.iter().enumerate().filter(|(_, adapter)| adapter.kind == DeviceKind::Gpu);
    // max_by_key takes the last of equals; the driver lists its preferred adapter first.
    hardware.rev().max_by_key(|(_, adapter)| adapter.rank()).map(|(index, _)| index)
}

/// Opens the device that was asked for; the second value says in one line what was taken and why.
///
/// # Errors
/// `NoDevice`, with the reasons, when there is no such adapter; `Usage` where it has no mixed
/// precision.
pub async fn open(choice: &Choice, precision: Precision) -> Result<(Device, String)> {
    if *choice == Choice::Cpu {
        return cpu(precision, "as asked for");
    }
    let mut adapters = list().await;
    let index = match choice {
        Choice::Auto | Choice::Gpu => preferred(&adapters),
        Choice::Software => adapters.iter().position(|adapter| adapter.kind == DeviceKind::Software),
        Choice::Adapter(wanted) => find(&adapters, wanted),
        Choice::Cpu => unreachable!("answered above"),
    };
    match (index, choice) {
        (Some(index), _) => {
            let adapter = adapters.swap_remove(index);
            let why = match choice {
                Choice::Auto => "the best hardware GPU",
                _ => "as asked for",
            };
            let Adapter { name, type_name, backend, driver, .. } = &adapter;
            let mut line = format!("{name} ({type_name}, {backend}, driver {driver}; {why})");
            if precision == Precision::Mixed {
                line += "; mixed precision";
            }
            Ok((adapter.open(precision).await?, line))
        }
        (None, Choice::Auto) => {
            let why = if adapters.is_empty() {
                "no Vulkan, Metal or DX12 adapter was found".to_string()
            } else {
                format!("only a software adapter was found, {}, and the CPU code is faster", adapters[0].name)
            };
            cpu(precision, &why)
        }
        (None, _) => Err(no_adapter(choice, &adapters).await),
    }
}

/// The CPU, and the line that says why.
fn cpu(precision: Precision, why: &str) -> Result<(Device, String)> {
    match precision {
        Precision::F32 => Ok((Device::cpu(), format!("CPU ({why})"))),
        Precision::Mixed => {
            Err(error!(Usage, "mixed precision needs a GPU with tensor cores, and this is the CPU ({why})")
                .with(Remedy::FullPrecision))
        }
    }
}

/// An adapter by its index in the list, or by a part of its name in any case.
fn find(adapters: &[Adapter], wanted: &str) -> Option<usize> {
    if let Ok(index) = wanted.parse::<usize>()
        && index < adapters.len()
    {
        return Some(index);
    }
    if wanted.is_empty() {
        return None;
    }
    adapters.iter().position(|adapter| adapter.name.to_lowercase().contains(&wanted.to_lowercase()))
}

/// Why there is no such adapter.
async fn no_adapter(choice: &Choice, adapters: &[Adapter]) -> Error {
    let wanted = match choice {
        Choice::Gpu => "no hardware GPU was found".to_string(),
        Choice::Software => "no software Vulkan adapter was found".to_string(),
        Choice::Adapter(wanted) => format!("no adapter has the index or name \"{wanted}\""),
        Choice::Auto | Choice::Cpu => unreachable!("these never fail"),
    };
    let found = if adapters.is_empty() {
        "found: no adapter at all".to_string()
    } else {
        let names = adapters.iter().map(|adapter| format!("{} ({})", adapter.name, adapter.type_name));
        format!("found: {}", names.collect::<Vec<_>>().join(", "))
    };
    let mut lines = vec![wanted, found];
    if adapters.is_empty() {
        lines.push(backend_report().await);
    }
    let is_software = *choice == Choice::Software;
    if !is_software && cfg!(target_os = "linux") && std::path::Path::new("/dev/nvidia0").exists() {
        let hint = "an NVIDIA device is present but has no Vulkan driver: a container has one only with \
                    NVIDIA_DRIVER_CAPABILITIES=all (the default leaves out graphics)";
        lines.push(hint.to_string());
    }
    let remedy = if is_software { Remedy::SoftwareDriver } else { Remedy::GpuDriver };
    error!(NoDevice, "{}", lines.join("\n  ")).with(remedy)
}

/// What the drivers' loader says of each backend.
async fn backend_report() -> String {
    match instance().request_adapter(&wgpu::RequestAdapterOptions::default()).await {
        Ok(_) => String::new(),
        Err(why) => why.to_string(),
    }
}
