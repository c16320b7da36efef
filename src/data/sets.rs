//! A folder of a training set and a test set, which is often given in the place of one of them.

/// What is added to the names of sets.
const ADDED: [&str; 8] = ["set", "data", "images", "imgs", "pictures", "photos", "split", "folder"];
const TRAINING: [&str; 3] = ["train", "training", "trn"];
/// Those that training is watched with stand before those that are left for its end.
const TEST: [&str; 8] = ["val", "valid", "validation", "dev", "eval", "test", "testing", "holdout"];

/// The names of the training set and of the test set among those of folders, if both are there: they differ in this word alone,
/// as `seg_train` and `seg_test` do.
pub fn sets_among(names: &[String]) -> Option<(&str, &str)> {
    let sets: Vec<_> = names.iter().filter_map(|name| Some((name.as_str(), set_of(name)?))).collect();
    let test_of = |others: &[String]| {
        let of_word = |word: &str| sets.iter().find(|(_, set)| set.0 == word && set.1 == others);
        TEST.into_iter().find_map(of_word).map(|(name, _)| *name)
    };
    let training = TRAINING.into_iter().flat_map(|word| sets.iter().filter(move |(_, set)| set.0 == word));
    training.into_iter().find_map(|(name, (_, others))| Some((*name, test_of(others)?)))
}

/// The word for a set in a name, if there is one, and the other words, without those that are added to it.
fn set_of(name: &str) -> Option<(String, Vec<String>)> {
    let name = name.to_lowercase();
    let (mut sets, mut others) = (Vec::new(), Vec::new());
    for word in name.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        let mut plain = word;
        while let Some(rest) =
            ADDED.iter().find_map(|end| plain.strip_suffix(end)).filter(|rest| !rest.is_empty())
        {
            plain = rest;
        }
        match () {
            () if TRAINING.contains(&plain) || TEST.contains(&plain) => sets.push(plain.to_string()),
            () if ADDED.contains(&word) => {}
            () => others.push(word.to_string()),
        }
    }
    (sets.len() == 1).then(|| (sets.remove(0), others))
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
            ("seg_train", "seg_test"),
            ("cats_dogs_train", "cats_dogs_val"),
        ] {
            let names = [test, training].map(str::to_string);
            assert_eq!(sets_among(&names), Some((training, test)));
        }
        let three = ["test", "train", "val"].map(str::to_string);
        assert_eq!(sets_among(&three), Some(("train", "val")));
        for names in
            [["cats", "dogs"], ["train", "car"], ["test", "val"], ["data", "set"], ["a_train", "b_test"]]
        {
            assert_eq!(sets_among(&names.map(str::to_string)), None);
        }
    }
}
