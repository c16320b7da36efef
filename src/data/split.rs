//! Pictures that are kept from training where there is no folder of them.

#[cfg(feature = "cli")]
use super::folder::Folder;
use super::pictures::Pictures;
use crate::error::{Result, count, error, shown};
use std::path::Path;

/// Where a picture stands among those of its class: by its path alone, so that every run keeps the same ones, whatever its
/// seed is, and that few change sides when some are added.
fn place(path: &Path) -> [u8; blake3::OUT_LEN] {
    let mut hasher = blake3::Hasher::new();
    for part in path.components() {
        hasher.update(part.as_os_str().as_encoded_bytes()).update(b"/");
    }
    hasher.finalize().into()
}

/// How many pictures are in memory at most, where a share of so many is taken out: that share is there twice for a moment.
#[cfg(feature = "cli")]
pub fn at_once(pictures: usize, share: Option<f64>) -> usize {
    pictures + (pictures as f64 * share.unwrap_or(0.0)) as usize
}

/// Whether some of so many pictures of a class can be kept, and some trained on.
fn are_enough(class: &str, pictures: usize) -> Result<()> {
    if pictures >= 2 {
        return Ok(());
    }
    let (class, pictures) = (shown(class), count(pictures, "picture"));
    Err(error!(
        Data,
        "the class {class} has {pictures}: none can be kept from training; add some, or take the class away"
    ))
}

#[cfg(feature = "cli")]
impl Folder {
    /// Whether each class has files enough for [`Pictures::split`], as far as can be known before they are decoded.
    ///
    /// # Errors
    /// `Data` for a class of one file.
    pub fn can_be_split(&self) -> Result<()> {
        let mut counts = vec![0; self.classes.len()];
        self.files.iter().for_each(|file| counts[file.label as usize] += 1);
        self.classes.iter().zip(counts).try_for_each(|(class, files)| are_enough(class, files))
    }
}

impl Pictures {
    /// Takes a share of each class out, above 0 and below 1: so many as come closest to it, at least one, and one stays. Which
    /// ones depends on their paths, and on how many there are.
    ///
    /// # Errors
    /// `Data` for a class of one picture, `OutOfMemory`.
    pub fn split(&mut self, share: f64) -> Result<Pictures> {
        let mut is_taken = vec![false; self.len()];
        for (label, class) in (0..).zip(&self.classes) {
            let mut of_class: Vec<usize> = (0..self.len()).filter(|&at| self.labels[at] == label).collect();
            are_enough(class, of_class.len())?;
            let taken = (share * of_class.len() as f64).round() as usize;
            of_class.sort_by_cached_key(|&at| place(&self.paths[at]));
            for &at in &of_class[..taken.clamp(1, of_class.len() - 1)] {
                is_taken[at] = true;
            }
        }
        let bytes = self.picture_bytes();
        let (mut taken, mut kept) = (Vec::new(), 0);
        let number = is_taken.iter().filter(|taken| **taken).count();
        taken.try_reserve_exact(number * bytes).map_err(|_| {
            error!(
                OutOfMemory,
                "no memory for {number} pictures of {} that are kept from training", self.raster
            )
        })?;
        let (mut labels, mut paths) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        for (at, is_taken) in is_taken.into_iter().enumerate() {
            let (label, path) = (self.labels[at], std::mem::take(&mut self.paths[at]));
            let pixels = at * bytes..(at + 1) * bytes;
            if is_taken {
                taken.extend_from_slice(&self.pixels[pixels]);
                labels.0.push(label);
                paths.0.push(path);
            } else {
                // What stays closes the gaps: all pictures are never held twice.
                self.pixels.copy_within(pixels, kept * bytes);
                kept += 1;
                labels.1.push(label);
                paths.1.push(path);
            }
        }
        self.pixels.truncate(kept * bytes);
        self.pixels.shrink_to_fit();
        (self.labels, self.paths) = (labels.1, paths.1);
        Ok(Pictures {
            classes: self.classes.clone(),
            raster: self.raster,
            pixels: taken,
            labels: labels.0,
            paths: paths.0,
            skipped: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Color, Raster};
    use std::path::PathBuf;

    fn pictures(counts: &[usize]) -> Pictures {
        let labels: Vec<u32> = (0..).zip(counts).flat_map(|(label, &n)| vec![label; n]).collect();
        let numbers = 0..labels.len();
        Pictures {
            classes: (0..counts.len()).map(|class| format!("class {class}")).collect(),
            raster: Raster { size: 1, color: Color::Gray },
            pixels: numbers.clone().map(|number| number as u8).collect(),
            paths: numbers.map(|number| format!("{number}.png").into()).collect(),
            labels,
            skipped: Vec::new(),
        }
    }

    #[test]
    fn each_class_gives_its_share_and_nothing_is_lost() {
        let mut training = pictures(&[100, 7, 2]);
        let test = training.split(0.2).unwrap();
        assert_eq!((test.counts(), training.counts()), (vec![20, 1, 1], vec![80, 6, 1]));
        for set in [&training, &test] {
            let named: Vec<PathBuf> = set.pixels.iter().map(|pixel| format!("{pixel}.png").into()).collect();
            assert_eq!(set.paths, named);
            assert!(set.pixels.is_sorted());
        }
        let mut all = [&training.pixels[..], &test.pixels].concat();
        all.sort_unstable();
        assert_eq!(all, pictures(&[100, 7, 2]).pixels);
    }

    #[test]
    fn it_is_always_the_same_and_no_pattern() {
        let drawn = || pictures(&[40, 60]).split(0.25).unwrap().pixels;
        assert_eq!(drawn(), drawn());
        let steps: Vec<_> = drawn().windows(2).map(|two| two[1] - two[0]).collect();
        assert!(steps.iter().any(|step| *step != steps[0]));
        // One picture more: at most one changes sides beside it.
        let more = pictures(&[41, 60]).split(0.25).unwrap().paths;
        let before = pictures(&[40, 60]).split(0.25).unwrap().paths;
        let of_first = |paths: &[PathBuf], end: u32| {
            let number = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().parse::<u32>().unwrap();
            paths.iter().map(number).filter(|&number| number < end).collect::<Vec<_>>()
        };
        let (before, more) = (of_first(&before, 40), of_first(&more, 40));
        assert!(before.iter().filter(|number| !more.contains(number)).count() <= 1, "{before:?} {more:?}");
        // Nearly all of a class can be taken, never all.
        assert_eq!(pictures(&[10, 10]).split(0.99).unwrap().counts(), [9, 9]);
        assert_eq!(pictures(&[10, 10]).split(0.001).unwrap().counts(), [1, 1]);
    }

    #[test]
    fn a_class_of_one_picture_cannot_be_split() {
        let why = pictures(&[5, 1]).split(0.2).unwrap_err();
        assert!(why.message.contains("class 1 has 1 picture"), "{}", why.message);
    }
}
