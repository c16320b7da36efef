//! Thousands of pictures, good and damaged, beside what Pillow sees in them. tests/decoders/run makes them and runs this.

use pawgrad::data::{Color, Raster, Skip, decode_file};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SIZE: usize = 32;
/// Levels that two decoders may differ by, in gray and in each colour.
const ALLOWED: u8 = 2;

/// What became of a picture.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Read,
    /// Read, where Pillow refuses, as the good picture.
    WholeStill,
    Refused(String),
    Wrong(String),
}

fn expected(picture: &Path, color: &str) -> Option<Vec<u8>> {
    fs::read(format!("{}.{color}", picture.display())).ok()
}

/// The worse of both: they should be alike.
fn fate(picture: &Path) -> Fate {
    Color::ALL.map(|color| fate_in(picture, color)).into_iter().max().unwrap()
}

fn fate_in(picture: &Path, (ending, color): (&str, Color)) -> Fate {
    let begun = Instant::now();
    let decoded = decode_file(picture, Raster { size: SIZE, color });
    if begun.elapsed() > Duration::from_secs(2) {
        return Fate::Wrong(format!("took {:?}", begun.elapsed()));
    }
    let is_near = |a: &[u8], b: &[u8]| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= ALLOWED);
    let name = picture.to_str().unwrap();
    match (decoded, expected(picture, ending)) {
        (Err(Skip::Panicked), _) => Fate::Wrong("the decoder crashed".to_string()),
        (Err(why), _) => Fate::Refused(why.to_string().split(':').next().unwrap().to_string()),
        (Ok(pixels), Some(expected)) if is_near(&pixels, &expected) => Fate::Read,
        (Ok(pixels), Some(expected)) => {
            let most = pixels.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            Fate::Wrong(format!("{most} levels from Pillow, {ending}"))
        }
        (Ok(pixels), None) => {
            match name.split_once('~').and_then(|(good, _)| expected(Path::new(good), ending)) {
                Some(good) if is_near(&pixels, &good) => Fate::WholeStill,
                _ => Fate::Wrong("Pillow refuses it".to_string()),
            }
        }
    }
}

#[test]
#[ignore = "tests/decoders/run makes the pictures"]
fn pictures_are_as_in_pillow_or_refused() {
    let folder = std::env::var_os("PAWGRAD_PICTURES").expect("PAWGRAD_PICTURES names the folder");
    let mut wrong = Vec::new();
    for part in ["sweep", "damaged"] {
        let files = fs::read_dir(Path::new(&folder).join(part)).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = files
            .filter(|path| !path.extension().is_some_and(|ending| ending == "gray" || ending == "rgb"))
            .collect();
        files.sort();
        let fates: Vec<Fate> = files.par_iter().map(|file| fate(file)).collect();
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (file, fate) in files.iter().zip(fates) {
            let name = file.file_name().unwrap().to_string_lossy();
            let (good, _) = name.split_once('~').unwrap_or((&name, ""));
            let what = match &fate {
                Fate::Read => "read as by Pillow".to_string(),
                Fate::WholeStill => "read whole, refused by Pillow".to_string(),
                Fate::Refused(why) => format!("refused: {why}"),
                Fate::Wrong(why) => {
                    wrong.push(format!("{part}/{name}: {why}"));
                    "WRONG".to_string()
                }
            };
            *counts.entry((good.rsplit_once('.').unwrap().1.to_string(), what)).or_default() += 1;
        }
        println!("{part}: {} pictures", files.len());
        for ((format, what), count) in counts {
            println!("  {format:4} {count:6} {what}");
        }
    }
    let shown: String = wrong.iter().take(20).map(|line| format!("\n  {line}")).collect();
    assert!(wrong.is_empty(), "{} pictures are silently wrong:{shown}", wrong.len());
}
