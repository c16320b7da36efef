//! Paths as people type them.

use super::walk::hidden;
use crate::error::shown_path;
use std::fs;
use std::path::{Path, PathBuf};

/// Of names that are longer, no similar one is looked for: the time grows with the square of the length.
const MOST_CHARS: usize = 64;
/// Names of a folder that are looked at.
const MOST_NAMES: usize = 10_000;

/// What a shell would have made of a path that it left alone, or that was typed into a page: quotes around it go, and `~`
/// at its start is the user's own folder. A path that is there as it stands is left as it is.
pub fn tidy(path: &Path) -> PathBuf {
    let Some(text) = path.to_str() else { return path.to_path_buf() };
    if fs::symlink_metadata(path).is_ok() {
        return path.to_path_buf();
    }
    let text = text.trim();
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    let text = within('"').or_else(|| within('\'')).unwrap_or(text);
    let at_home = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(['/', '\\']));
    match (at_home, dirs::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest.trim_start_matches(['/', '\\'])),
        _ => PathBuf::from(text),
    }
}

/// Names of the visible folders in `dir` that begin so, by name, at most so many; none where it cannot be read.
pub fn folders_in(dir: &Path, begin: &str, most: usize) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().take(MOST_NAMES);
    let names = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(begin) && !hidden(name.as_ref())).collect();
    names.sort();
    names.truncate(most);
    names
}

/// `; did you mean …?` where nothing has this path, and something beside it has a similar one; else nothing.
pub fn did_you_mean(path: &Path) -> String {
    match similar(path) {
        Some(similar) => format!("; did you mean {}?", shown_path(&similar)),
        None => String::new(),
    }
}

/// The path that is there and most like this one, which is not: each part may be mistyped.
fn similar(path: &Path) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    let mut is_other = false;
    for part in path.components() {
        let next = found.join(part);
        // A link that leads nowhere is there as well.
        if fs::symlink_metadata(&next).is_ok() {
            found = next;
            continue;
        }
        let wanted = part.as_os_str().to_str()?;
        let folder = if found.as_os_str().is_empty() { Path::new(".") } else { &found };
        let name = most_like(wanted, folder)?;
        found.push(name);
        is_other = true;
    }
    is_other.then_some(found)
}

fn most_like(wanted: &str, folder: &Path) -> Option<String> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().collect();
    if wanted.len() > MOST_CHARS {
        return None;
    }
    let names = fs::read_dir(folder).ok()?.flatten().take(MOST_NAMES);
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let visible = names.filter(|name| !hidden(name.as_ref()) && name.len() <= 4 * MOST_CHARS);
    // Of equals the first by name: the file system's order never matters.
    let (edits, name) = visible.map(|name| (edits(&wanted, &name.to_lowercase()), name)).min()?;
    // Any name of one letter is one edit from any other.
    (edits <= (wanted.len() / 3).max(1) && edits < wanted.len()).then_some(name)
}

/// How many letters are to be put in, left out, changed or swapped with the next one: the distance of Damerau and
/// Levenshtein (optimal string alignment).
pub fn edits(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let change = usize::from(from[i - 1] != to[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        let count = |from: &str, to: &str| edits(&from.chars().collect::<Vec<_>>(), to);
        for (from, to, edits) in [
            ("", "cats", 4),
            ("cats", "cats", 0),
            ("cast", "cats", 1),
            ("cat", "cats", 1),
            ("dogs", "cats", 3),
        ] {
            assert_eq!(count(from, to), edits, "{from} {to}");
        }
    }

    #[test]
    fn what_a_shell_would_do_is_done() {
        let home = dirs::home_dir().unwrap();
        for (typed, meant) in [
            ("'my pictures'", PathBuf::from("my pictures")),
            (" \"my\" ", "my".into()),
            ("~", home.clone()),
            ("\"~/cats\"", home.join("cats")),
            ("~cats", "~cats".into()),
            ("'", "'".into()),
            ("it's", "it's".into()),
            ("", "".into()),
        ] {
            assert_eq!(tidy(Path::new(typed)), meant, "{typed}");
        }
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join(" odd ");
        fs::write(&odd, "").unwrap();
        assert_eq!(tidy(&odd), odd, "it is there");
    }

    #[test]
    fn folders_are_completed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cats", "cars", "dogs", ".cache"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("cat.png"), "").unwrap();
        let names = |begin, most| folders_in(folder.path(), begin, most);
        assert_eq!(names("ca", 9), ["cars", "cats"]);
        assert_eq!(names("", 2), ["cars", "cats"]);
        assert!(names(".", 9).is_empty() && folders_in(&folder.path().join("cat.png"), "", 9).is_empty());
    }

    #[test]
    fn the_most_similar_name_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for name in ["training_set/cats", "test_set/cats", ".trainin_set"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        assert_eq!(similar(&at("trainin_set")), Some(at("training_set")));
        assert_eq!(similar(&at("Training-Set/cast")), Some(at("training_set/cats")));
        for name in ["f", "xy"] {
            fs::write(at(name), "").unwrap();
        }
        assert_eq!(similar(&at("yx")), Some(at("xy")));
        for other in ["training_set", "owls", "-", "x", "ab", "training_set/elephants", &"x".repeat(5000)] {
            assert_eq!(similar(&at(other)), None, "{other}");
        }
    }
}
