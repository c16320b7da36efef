//! What helps against an error, in the words of the page.

use crate::error::{Error, Remedy};

/// The error's message, and what to do.
pub fn sentence(why: &Error) -> String {
    match why.remedy.as_ref().and_then(words) {
        None => why.message.clone(),
        Some(words) => format!("{}. {words}", why.message),
    }
}

/// `None` where the page has nothing to change.
fn words(remedy: &Remedy) -> Option<String> {
    let words = match remedy {
        Remedy::OtherImageSize => "Choose another image size.",
        Remedy::LargerImageSize => "Choose a larger image size.",
        Remedy::SmallerImageSize => "Choose a smaller image size.",
        Remedy::MicroBatch(most) => return Some(format!("Choose a batch size of {most} or less.")),
        Remedy::LessMemory => "Choose a smaller image size, or another device.",
        Remedy::DrawPictures => "Name a folder of your own, with one sub-folder of pictures per class.",
        Remedy::SmallerLearningRate => "A smaller learning rate usually helps.",
        Remedy::GpuDriver | Remedy::SoftwareDriver => "The device CPU needs no driver.",
        Remedy::OtherTuning => "Tune this device again.",
        Remedy::TrainAnew => "Begin a new run that starts from its model.",
        Remedy::MoreEpochs => "Give it more epochs.",
        Remedy::DifferentBits => {
            "Going on all the same gives other bits; an option of the command line does that."
        }
        Remedy::MoreSteps | Remedy::MorePatience => "Begin a new run that starts from its model.",
        Remedy::TunedPrecision
        | Remedy::OwnRung
        | Remedy::FullPrecision
        | Remedy::StartFromWeights
        | Remedy::OtherFolder
        | Remedy::OtherPort
        | Remedy::OneOfSets { .. }
        | Remedy::Token => return None,
    };
    Some(words.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asks_for_a_terminal() {
        for remedy in [Remedy::DrawPictures, Remedy::OtherTuning, Remedy::LessMemory, Remedy::GpuDriver] {
            let words = words(&remedy).unwrap();
            assert!(!words.contains("pawgrad") && !words.contains('`'), "{words}");
        }
    }
}
