//! What is odd about pictures that all can be read, and makes a model worse, or its accuracy a wrong promise.

use super::folder::Folder;
use super::pictures::Pictures;
use crate::error::{count, list, path_text, shown};
use blake3::Hash;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

/// One class has this share of a folder's pictures, or more: 3 in 4.
const UNEVEN: f64 = 0.75;

/// Something to know before training. Pictures are the same where all their pixels are, at the size that they were decoded
/// to: a network sees no difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "concern", rename_all = "snake_case")]
pub enum Concern {
    /// The same folder was given twice.
    SameFolder { folder: String },
    /// So many of the pictures of `folder` are in `other` too; one of them, and where it is there.
    Shared { pictures: usize, folder: String, other: String, example: [String; 2] },
    /// The same picture in more than one class: so many pictures.
    TwoClasses { pictures: usize, folder: String, example: [String; 2] },
    /// So many pictures are copies of others of their class.
    Copies { pictures: usize, folder: String, example: [String; 2] },
    /// Every class holds folders of the same names, as sets of classes do.
    SameFolders { folder: String, classes: Vec<String>, folders: Vec<String> },
    /// Most pictures are of one class; its share, 0 to 1.
    Uneven { folder: String, class: String, share: f64 },
}

/// What is odd about the pictures of these folders, each of which is given with its own; the first may be a training folder.
pub fn concerns(folders: &[(&Folder, &Pictures)]) -> Vec<Concern> {
    let sets: Vec<Set> = folders.iter().map(|(folder, pictures)| Set::new(folder, pictures)).collect();
    let mut found = Vec::new();
    for (index, set) in sets.iter().enumerate() {
        let before = &sets[..index];
        // Of a folder that is given again there is no more to say.
        match before.iter().any(|before| before.is_same_folder(set)) {
            true => found.push(Concern::SameFolder { folder: set.folder() }),
            false => found.extend(before.iter().filter_map(|before| set.shared_with(before))),
        }
    }
    for (index, set) in sets.iter().enumerate() {
        // Of a folder that is given twice everything is said once.
        if sets[..index].iter().all(|before| !before.is_same_folder(set)) {
            found.extend(set.copies());
            found.extend(set.same_folders());
            found.extend(set.uneven());
        }
    }
    found
}

/// A folder's pictures by their content.
struct Set<'a> {
    root: &'a Path,
    pictures: &'a Pictures,
    hashes: Vec<Hash>,
    /// Where each content is first.
    first: HashMap<Hash, usize>,
}

impl<'a> Set<'a> {
    fn new(folder: &'a Folder, pictures: &'a Pictures) -> Set<'a> {
        let indices = (0..pictures.len()).into_par_iter();
        let hashes: Vec<Hash> = indices.map(|index| blake3::hash(pictures.picture(index))).collect();
        let mut first = HashMap::new();
        for (index, hash) in hashes.iter().enumerate() {
            first.entry(*hash).or_insert(index);
        }
        Set { root: &folder.root, pictures, hashes, first }
    }

    fn folder(&self) -> String {
        path_text(self.root)
    }

    fn path(&self, index: usize) -> String {
        path_text(&self.pictures.paths[index])
    }

    fn is_same_folder(&self, other: &Set) -> bool {
        let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        canonical(self.root) == canonical(other.root)
    }

    fn shared_with(&self, other: &Set) -> Option<Concern> {
        let shared = |index: &usize| other.first.contains_key(&self.hashes[*index]);
        let mut shared = (0..self.hashes.len()).filter(shared);
        let one = shared.next()?;
        let example = [self.path(one), other.path(other.first[&self.hashes[one]])];
        Some(Concern::Shared {
            pictures: 1 + shared.count(),
            folder: self.folder(),
            other: other.folder(),
            example,
        })
    }

    fn copies(&self) -> Vec<Concern> {
        let (mut copies, mut contradictions) = (Vec::new(), Vec::new());
        for (index, hash) in self.hashes.iter().enumerate() {
            let first = self.first[hash];
            let labels = &self.pictures.labels;
            match () {
                () if first == index => {}
                () if labels[first] == labels[index] => copies.push([first, index]),
                () => contradictions.push([first, index]),
            }
        }
        let mut found = Vec::new();
        let folder = self.folder();
        if let Some(example) = contradictions.first() {
            let example = example.map(|index| self.path(index));
            found.push(Concern::TwoClasses {
                pictures: contradictions.len(),
                folder: folder.clone(),
                example,
            });
        }
        if let Some(example) = copies.first() {
            let example = example.map(|index| self.path(index));
            found.push(Concern::Copies { pictures: copies.len(), folder, example });
        }
        found
    }

    /// Whether the folders of the classes hold the same ones, and nothing else.
    fn same_folders(&self) -> Option<Concern> {
        let mut inside = vec![BTreeSet::new(); self.pictures.classes.len()];
        for (path, &label) in self.pictures.paths.iter().zip(&self.pictures.labels) {
            // A picture beside such folders shows that they are none of classes.
            let [_class, folder, _, ..] = path.iter().collect::<Vec<_>>()[..] else { return None };
            inside[label as usize].insert(folder);
        }
        let [first, others @ ..] = &inside[..] else { return None };
        if first.len() < 2 || others.iter().any(|folders| folders != first) {
            return None;
        }
        let folders = first.iter().map(|folder| path_text(Path::new(folder))).collect();
        Some(Concern::SameFolders { folder: self.folder(), classes: self.pictures.classes.clone(), folders })
    }

    fn uneven(&self) -> Option<Concern> {
        let counts = self.pictures.counts();
        let (class, most) = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
        let share = *most as f64 / self.pictures.len() as f64;
        let class = self.pictures.classes[class].clone();
        (share >= UNEVEN).then(|| Concern::Uneven { folder: self.folder(), class, share })
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |path: &String| shown(path);
        match self {
            Concern::SameFolder { folder } => {
                let folder = text(folder);
                write!(
                    f,
                    "{folder} is given twice: accuracy on pictures that were trained on says nothing of others"
                )
            }
            Concern::Shared { pictures, folder, other, example: [one, there] } => {
                let [folder, other, one, there] = [folder, other, one, there].map(text);
                write!(
                    f,
                    "{folder} shares {} with {other}, such as {one} (there {there}): accuracy on pictures that were trained on says \
                     nothing of others",
                    count(*pictures, "picture")
                )
            }
            Concern::TwoClasses { pictures, folder, example: [one, other] } => {
                let [folder, one, other] = [folder, one, other].map(text);
                write!(
                    f,
                    "{folder} has {} in two classes, such as {one} and {other}",
                    count(*pictures, "picture")
                )
            }
            Concern::Copies { pictures, folder, example: [one, other] } => {
                let [folder, one, other] = [folder, one, other].map(text);
                let copies = if *pictures == 1 { "copy" } else { "copies" };
                write!(f, "{folder} holds {pictures} {copies}, such as {other} of {one}")
            }
            Concern::SameFolders { folder, classes, folders } => {
                let (classes, folders, folder) = (list(classes), list(folders), text(folder));
                write!(
                    f,
                    "the classes of {folder} ({classes}) hold the same folders ({folders}): if those are the classes, give one of \
                     the folders that hold them"
                )
            }
            Concern::Uneven { folder, class, share } => {
                let (folder, class, share) = (text(folder), text(class), 100.0 * share);
                write!(
                    f,
                    "{share:.1} % of the pictures of {folder} are {class}: always answering {class} would be right as often"
                )
            }
        }
    }
}
