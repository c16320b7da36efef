//! The options of `pawgrad microscope`.

use crate::commands::numbers::whole;
use crate::commands::paths::path;
use crate::device::adapters::Choice;
use crate::error::{Result, error};
use crate::microscope::lab;
use clap::Args;
use std::path::{Path, PathBuf};

/// Runs a kernel's own shader thread by thread, without a GPU.
///
/// With --counts it says what each rung does, in numbers: arithmetic, loads, sectors, bank conflicts, divergence. With --at it
/// finds the thread that computes a value, and prints its life. A file of your own is checked by the shader compiler, by a
/// sanitizer (races, bounds, uninitialised reads, order), against the definition, and counted beside the original; it never
/// runs on a device before.
#[derive(Args)]
pub struct MicroscopeArgs {
    /// A kernel, such as conv2d.forward; or a file with a shader of your own, which is tried in its place
    #[arg(value_name = "KERNEL|FILE.wgsl")]
    pub kernel: String,
    /// The kernel whose shader the file takes the place of, unless the file says it
    #[arg(long = "as", value_name = "KERNEL")]
    pub kernel_of_file: Option<String>,
    /// Time the file and the original on this device, as soon as the file is right: gpu, software, or an adapter's name or
    /// index (see `pawgrad devices`)
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<Choice>,
    /// Try the file again each time it is saved
    #[arg(long)]
    pub watch: bool,
    /// Count arithmetic, loads, sectors, bank conflicts and divergence
    #[arg(long)]
    pub counts: bool,
    /// Which of the kernel's shaders [default: all for --counts, 1_plain for --at and --thread; of a file, the one that its name
    /// or its text is like]
    #[arg(long, value_name = "RUNG|all")]
    pub rung: Option<String>,
    /// The layer of the network that the kernel runs for
    #[arg(long, value_name = "LAYER")]
    pub layer: Option<String>,
    /// A picture that the network looks at; without one, values are drawn at random
    #[arg(long, value_name = "IMAGE", value_parser = path(), requires = "layer")]
    pub image: Option<PathBuf>,
    /// The class that the picture shows, for backward kernels [default: the first]
    #[arg(long, value_name = "CLASS", requires = "image")]
    pub label: Option<String>,
    /// The model file, or the folder of a run [default: the newest run in runs/, else a network with random weights]
    #[arg(long, value_name = "FILE|RUN", value_parser = path(), requires = "image")]
    pub model: Option<PathBuf>,
    /// Height and width of the network's pictures, where no model says it
    #[arg(long, default_value_t = lab::IMAGE_SIZE, value_name = "N", value_parser = whole::<u32>, allow_negative_numbers = true)]
    pub image_size: u32,
    /// Pictures that are worked on while it counts
    #[arg(long, default_value_t = lab::BATCH, value_name = "N", alias = "batch", value_parser = whole::<u32>, allow_negative_numbers = true)]
    pub batch_size: u32,
    /// Print the life of the thread that computes the output's value at this place, such as 12,40,40
    #[arg(long, value_name = "I,J,…", value_delimiter = ',', value_parser = whole::<usize>, allow_negative_numbers = true, conflicts_with = "counts")]
    pub at: Vec<usize>,
    /// Print the life of this thread of a group
    #[arg(long, value_name = "N", value_parser = whole::<u32>, allow_negative_numbers = true, conflicts_with = "at")]
    pub thread: Option<u32>,
    /// The group of that thread
    #[arg(long, value_name = "X,Y,Z", value_delimiter = ',', value_parser = whole::<u32>, allow_negative_numbers = true, requires = "thread")]
    pub group: Vec<u32>,
    /// The pass of that thread, counted from 0 [default: the last]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true, requires = "thread")]
    pub pass: Option<usize>,
    /// The first line of the life to print, counted from 1
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub from: usize,
    /// How many lines of it to print [default: all, or the first and last of many]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub steps: Option<usize>,
    /// Threads of a subgroup: 8, 32 or 64
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = whole::<u32>, allow_negative_numbers = true)]
    pub subgroup: u32,
    /// Print one JSON object for each line
    #[arg(long)]
    pub json: bool,
}

impl MicroscopeArgs {
    /// Refuses what would change nothing.
    pub fn check(&self) -> Result<()> {
        let first = |options: &[(&'static str, bool)]| {
            options.iter().find(|(_, given)| *given).map(|(name, _)| *name)
        };
        let of_life = [
            ("--at", !self.at.is_empty()),
            ("--thread", self.thread.is_some()),
            ("--image", self.image.is_some()),
            ("--from", self.from != 1),
            ("--steps", self.steps.is_some()),
        ];
        let of_file = [("--watch", self.watch), ("--device", self.device.is_some())];
        match (self.is_file(), self.counts) {
            (true, true) => {
                let what = "--counts is for a kernel: a file is counted anyway, as soon as it is right";
                Err(error!(Usage, "{what}"))
            }
            (true, false) => first(&of_life).map_or(Ok(()), |name| {
                Err(error!(Usage, "{name} is for a kernel, and not for a file of your own"))
            }),
            (false, counts) => {
                if let Some(name) = first(&of_file) {
                    return Err(error!(Usage, "{name} is for a file of your own, such as my.wgsl"));
                }
                first(&of_life).filter(|_| counts).map_or(Ok(()), |name| {
                    Err(error!(Usage, "{name} changes no counts: it is for the life of a thread"))
                })
            }
        }
    }

    /// Whether it is a shader of one's own, and no kernel.
    pub fn is_file(&self) -> bool {
        let ending = Path::new(&self.kernel).extension();
        self.kernel_of_file.is_some() || ending.is_some_and(|ending| ending == "wgsl")
    }
}
