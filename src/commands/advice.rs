//! What helps against an error, in the words of the command line.

use super::output::quoted;
use crate::data::paths::tidy;
use crate::error::{Error, Remedy};
use std::ffi::OsString;
use std::path::Path;

/// The error's message and, on a line of its own, what to do.
pub fn sentence(why: &Error) -> String {
    match why.remedy.as_ref().and_then(words) {
        None => why.message.clone(),
        Some(words) => format!("{}\n  {words}", why.message),
    }
}

/// `None` where nothing is known that helps in this command.
fn words(remedy: &Remedy) -> Option<String> {
    let words = match remedy {
        Remedy::OtherImageSize => "use another --image-size",
        Remedy::LargerImageSize => "use a larger --image-size",
        Remedy::SmallerImageSize => "use a smaller --image-size",
        Remedy::MicroBatch(most) => return Some(format!("use --micro-batch {most} or less")),
        Remedy::LessMemory => {
            "use a smaller --image-size, --batch-size or --micro-batch, or another --device"
        }
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
        Remedy::TrainAnew => "train anew: `pawgrad train --init-weights RUN` starts from the run's model",
        Remedy::DifferentBits => {
            "--allow-different-bits goes on all the same; the result is then not that of a run without a break"
        }
        Remedy::MoreEpochs => "give it more with --epochs",
        Remedy::MoreSteps => "give it more with --max-steps",
        Remedy::MorePatience => "give it a larger --early-stop, with --allow-different-bits",
        Remedy::OtherFolder => "choose another --out",
        Remedy::OtherPort => "another --port may be free",
        Remedy::Token => "leave out --no-token, or --host",
        Remedy::OneOfSets { training, test } => {
            let arguments: Vec<_> = std::env::args_os().skip(1).collect();
            return Some(format!("try: {}", with_sets(&arguments, training, test)?));
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
    Some(words.to_string())
}

/// The command of these arguments, with the two sets in the place of the folder that holds them.
fn with_sets(arguments: &[OsString], training: &Path, test: &Path) -> Option<String> {
    let option = |name: &str, path: &Path| [OsString::from(name), path.into()];
    let (command, rest) = arguments.split_first()?;
    let sets = match command.to_str()? {
        "train" => [option("--train-dir", training), option("--test-dir", test)].concat(),
        "evaluate" => option("--test-dir", test).to_vec(),
        "dataset" => vec![],
        _ => return None,
    };
    let mut rest = rest.iter();
    // `check` is no folder, even where there is one of this name.
    let mut others: Vec<_> =
        if command == "dataset" { rest.next().cloned().into_iter().collect() } else { vec![] };
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy();
        let (name, value) = text.split_once('=').map_or((&*text, None), |(name, value)| (name, Some(value)));
        if ["--train-dir", "--test-dir"].contains(&name) {
            // The value may be an argument of its own.
            if value.is_none() {
                rest.next();
            }
        } else if command == "dataset" && holds(&tidy(Path::new(argument)), training) {
            others.extend([training, test].map(OsString::from));
        } else {
            others.push(argument.clone());
        }
    }
    let all = [command.clone()].into_iter().chain(sets).chain(others);
    Some(all.fold("pawgrad".to_string(), |line, argument| line + " " + &quoted(Path::new(&argument))))
}

/// Whether a set lies in this folder, or in the one of the same name inside it.
fn holds(dir: &Path, set: &Path) -> bool {
    let root = set.parent();
    root == Some(dir) || dir.file_name().is_some_and(|name| root == Some(&dir.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_stays_whole() {
        for (typed, proposed) in [
            (
                "train --train-dir s3/ --epochs 2 --quiet",
                "train --train-dir s3/train --test-dir s3/val --epochs 2 --quiet",
            ),
            ("train -v --test-dir=s3 --train-dir=my", "train --train-dir s3/train --test-dir s3/val -v"),
            ("train", "train --train-dir s3/train --test-dir s3/val"),
            ("evaluate --test-dir s3 --model my|run", "evaluate --test-dir s3/val --model 'my|run'"),
            ("dataset check a 's3/' b --json", "dataset check a s3/train s3/val b --json"),
        ] {
            let arguments: Vec<_> = typed.split(' ').map(OsString::from).collect();
            let proposed = Some(format!("pawgrad {proposed}"));
            assert_eq!(with_sets(&arguments, Path::new("s3/train"), Path::new("s3/val")), proposed);
        }
        let arguments = ["dataset", "check", "check"].map(OsString::from);
        let check = with_sets(&arguments, Path::new("check/train"), Path::new("check/val"));
        assert_eq!(check.unwrap(), "pawgrad dataset check check/train check/val");
        let arguments = ["dataset", "check", "s3"].map(OsString::from);
        let inside = with_sets(&arguments, Path::new("s3/s3/train"), Path::new("s3/s3/val"));
        assert_eq!(inside.unwrap(), "pawgrad dataset check s3/s3/train s3/s3/val");
        assert_eq!(with_sets(&["bench".into()], Path::new("train"), Path::new("val")), None);
    }
}
