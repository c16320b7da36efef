//! The folders of pictures that a run or an evaluation is given, and those that it takes where none is named.

use crate::data::{Folder, GoOn};
use crate::error::{Remedy, Result, error, list, shown_path};
use crate::train::Progress;
use crate::train::settings::Settings;
use std::path::Path;

/// As [`Folder::scan`]; where the bundled pictures are not to be found, says how to get some.
///
/// # Errors
/// As [`Folder::scan`].
pub fn scan(dir: &Path) -> Result<Folder> {
    scan_while(dir, &|| true)
}

/// [`scan`], which ends with `Interrupted` where it is not to `go_on`.
///
/// # Errors
/// As [`Folder::scan`].
pub fn scan_while(dir: &Path, go_on: GoOn) -> Result<Folder> {
    let Settings { train_dir, test_dir, .. } = Settings::default();
    if [train_dir, test_dir].iter().any(|bundled| bundled == dir) && !dir.exists() {
        let why = error!(Data, "there is no folder {}, where bundled pictures would be", shown_path(dir));
        return Err(why.with(Remedy::DrawPictures));
    }
    Folder::scan_while(dir, go_on)
}

/// The folders of a run: of training pictures, and of test pictures unless a share of the first is kept for that.
///
/// # Errors
/// `Data` for a folder that cannot be used, or two of other classes.
pub fn scan_sets(settings: &Settings, progress: &mut dyn Progress) -> Result<Vec<Folder>> {
    let training = scan(&settings.train_dir)?;
    if settings.validation_split.is_some() {
        training.can_be_split()?;
        return Ok(vec![training]);
    }
    let test = scan(&settings.test_dir)?;
    if let Some(note) = bundled_test(&settings.train_dir, &settings.test_dir) {
        progress.warning(&note);
    }
    if training.classes != test.classes {
        let [training, test] = [&training.classes, &test.classes].map(|classes| list(classes));
        return Err(error!(
            Data,
            "the training pictures have the classes {training}, the test pictures {test}"
        ));
    }
    Ok(vec![training, test])
}

/// What a person should know who trains on pictures of their own, and named none to test on: the default is the bundled
/// drawings.
pub fn bundled_test(train_dir: &Path, test_dir: &Path) -> Option<String> {
    let usual = Settings::default();
    (test_dir == usual.test_dir && train_dir != usual.train_dir).then(|| {
        format!(
            "note: the test pictures are those of {}, the default: how accurate the model is on pictures like those of {} \
             is not measured",
            shown_path(test_dir),
            shown_path(train_dir)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_pictures_beside_bundled_tests_are_worth_a_note() {
        let note = |train, test| bundled_test(Path::new(train), Path::new(test));
        assert!(note("my/training", "dataset/test_set").is_some_and(|note| note.contains("my/training")));
        assert_eq!(note("my/training", "my/test"), None);
        assert_eq!(note("dataset/training_set", "dataset/test_set"), None);
    }
}
