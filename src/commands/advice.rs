//! What helps against an error, in the words of the command line.

use super::output::quoted;
use crate::error::{Error, Remedy};

/// The error's message and, on a line of its own, what to do.
pub fn sentence(why: &Error) -> String {
    match &why.remedy {
        None => why.message.clone(),
        Some(remedy) => format!("{}\n  {}", why.message, words(remedy)),
    }
}

fn words(remedy: &Remedy) -> String {
    let words = match remedy {
        Remedy::OtherImageSize => "use another --image-size",
        Remedy::LargerImageSize => "use a larger --image-size",
        Remedy::SmallerImageSize => "use a smaller --image-size",
        Remedy::MicroBatch(most) => return format!("use --micro-batch {most} or less"),
        Remedy::LessMemory => "use a smaller --image-size or --micro-batch, or another --device",
        Remedy::DrawPictures => {
            "`pawgrad dataset draw` draws them into dataset/ of this folder, and `pawgrad dataset draw --out DIR` anywhere \
             else;\n  --train-dir and --test-dir name folders of your own, each with one sub-folder per class"
        }
        Remedy::SmallerLearningRate => "a smaller --learning-rate usually helps",
        Remedy::OwnRung => "leave out --rung",
        Remedy::FullPrecision => {
            "leave out --precision mixed, or name another adapter with --device (`pawgrad devices` lists them)"
        }
        Remedy::OtherTuning => "run `pawgrad tune` (again), or leave the table out with --tuning none",
        Remedy::TunedPrecision => "use that --precision, or leave the table out with --tuning none",
        Remedy::OtherFolder => "choose another --out",
        Remedy::OtherPort => "another --port may be free",
        Remedy::Token => "leave out --no-token, or --host",
        Remedy::OneOfSets { training, test } => {
            let [training, test] = [training, test].map(|path| quoted(path));
            return format!("to train: pawgrad train --train-dir {training} --test-dir {test}");
        }
        Remedy::StartFromWeights => "`pawgrad train --init-weights` can start from it",
        Remedy::GpuDriver => {
            "install your GPU's Vulkan driver (Debian and Ubuntu: mesa-vulkan-drivers for AMD and Intel, nvidia-driver \
             for NVIDIA) and look with: vulkaninfo --summary (package vulkan-tools)\n  \
             --device cpu works without any driver; `pawgrad devices` lists what there is"
        }
        Remedy::SoftwareDriver => {
            "on Debian or Ubuntu: apt-get install mesa-vulkan-drivers\n  \
             --device cpu works without any driver; `pawgrad devices` lists what there is"
        }
    };
    words.to_string()
}
