//! A folder of a training set and a test set, which is often given in the place of one of them.

/// What is added to the names of sets.
const ADDED: [&str; 8] = ["set", "data", "images", "imgs", "pictures", "photos", "split", "folder"];
const TRAINING: [&str; 3] = ["train", "training", "trn"];
/// Those that training is watched with stand before those that are left for its end.
const TEST: [&str; 8] = ["val", "valid", "validation", "dev", "eval", "test", "testing", "holdout"];

/// The names of the training set and of the test set among those of folders, if both are there.
pub fn sets_among(names: &[String]) -> Option<(&str, &str)> {
    let named = |known: &str| names.iter().find(|name| plain(name) == known).map(String::as_str);
    Some((TRAINING.into_iter().find_map(named)?, TEST.into_iter().find_map(named)?))
}

/// A name's letters, without what is added to the names of sets.
fn plain(name: &str) -> String {
    let mut letters: String = name.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
    while let Some(rest) =
        ADDED.iter().find_map(|end| letters.strip_suffix(end)).filter(|rest| !rest.is_empty())
    {
        letters = rest.to_string();
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_known_by_their_names() {
        for (training, test) in [
            ("train", "val"),
            ("training_set", "test_set"),
            ("Training", "Validation"),
            ("train_images", "test1"),
            ("TrainSet", "valid"),
            ("train-data", "holdout"),
        ] {
            let names = [test, training].map(str::to_string);
            assert_eq!(sets_among(&names), Some((training, test)));
        }
        let three = ["test", "train", "val"].map(str::to_string);
        assert_eq!(sets_among(&three), Some(("train", "val")));
        for names in [["cats", "dogs"], ["train", "car"], ["test", "val"], ["data", "set"]] {
            assert_eq!(sets_among(&names.map(str::to_string)), None);
        }
    }
}
