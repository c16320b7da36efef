//! The bundled pictures: cats and dogs drawn by chance, so that everything can be tried without photographs.
//!
//! Every picture is drawn from its own seed (what it is for, its split, class and number) and so does not depend
//! on any other; the bytes of the files are the same on every run and with any number of threads.

mod background;
mod canvas;
mod cat;
mod coat;
mod dice;
mod dog;
mod geometry;
mod head;
mod pelt;
mod scene;

use std::path::PathBuf;

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;

use canvas::Canvas;
use dice::Dice;
use head::Head;
use scene::Scene;

/// Pictures of each class for training.
const TRAINING_PER_CLASS: usize = 200;
/// Pictures of each class for testing.
const TEST_PER_CLASS: usize = 50;
/// JPEG quality, 1 to 100: hairs stay crisp, and the whole set stays below 6 MB.
const JPEG_QUALITY: u8 = 82;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Cat,
    Dog,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Training,
    Test,
    /// The two pictures to try predictions on, which belong to neither of the others.
    Sample,
}

/// Draws the picture with number `index` of a class: 256x256 pixels.
pub fn picture(split: Split, class: Class, index: usize) -> RgbImage {
    let mut dice = Dice::new(seed(split, class, index));
    let mut canvas = Canvas::new();
    let scene = Scene::random(&mut dice);
    let head = Head::new(&scene);
    background::paint(&mut canvas, &mut dice, scene.backdrop);
    head.paint_shadow(&mut canvas);
    head.paint_body(&mut canvas, &mut dice);
    match class {
        Class::Cat => cat::paint(&mut canvas, &mut dice, &head),
        Class::Dog => dog::paint(&mut canvas, &mut dice, &head),
    }
    add_grain(&mut canvas, &mut dice);
    canvas.into_image()
}

/// The noise of a camera's sensor.
fn add_grain(canvas: &mut Canvas, dice: &mut Dice) {
    let strength = dice.between(0.0, 0.02);
    canvas.map(|_, color| color * (1.0 + dice.between(-strength, strength)));
}

fn seed(split: Split, class: Class, index: usize) -> [u8; 32] {
    let mut seed = *b"pawgrad bundled picture.........";
    seed[22] = split as u8;
    seed[23] = class as u8;
    seed[24..].copy_from_slice(&(index as u64).to_le_bytes());
    seed
}

/// Every file of the set as its path (relative, in the layout of the training and test folders) and its contents,
/// in a fixed order.
pub fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut wanted = Vec::new();
    for (split, count) in
        [(Split::Training, TRAINING_PER_CLASS), (Split::Test, TEST_PER_CLASS), (Split::Sample, 1)]
    {
        for class in [Class::Cat, Class::Dog] {
            wanted.extend((1..=count).map(|index| (split, class, index)));
        }
    }
    wanted
        .into_par_iter()
        .map(|(split, class, index)| (path(split, class, index), encoded(split, class, index)))
        .collect()
}

fn path(split: Split, class: Class, index: usize) -> PathBuf {
    let (folder, name) = match class {
        Class::Cat => ("cats", "cat"),
        Class::Dog => ("dogs", "dog"),
    };
    match split {
        Split::Training => format!("training_set/{folder}/{name}.{index:03}.jpg").into(),
        Split::Test => format!("test_set/{folder}/{name}.{index:03}.jpg").into(),
        Split::Sample => format!("samples/{name}.jpg").into(),
    }
}

fn encoded(split: Split, class: Class, index: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode_image(&picture(split, class, index))
        .expect("a picture of fixed size fits into a JPEG file in memory");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a, enough to notice any change.
    fn fingerprint(bytes: &[u8]) -> u32 {
        bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }

    #[test]
    fn pictures_are_the_same_on_every_machine() {
        assert_eq!(fingerprint(picture(Split::Sample, Class::Cat, 1).as_raw()), 626_823_632);
        assert_eq!(fingerprint(picture(Split::Sample, Class::Dog, 1).as_raw()), 2_565_096_902);
    }

    #[test]
    fn split_class_and_index_each_change_the_picture() {
        let seeds = [
            seed(Split::Training, Class::Cat, 1),
            seed(Split::Test, Class::Cat, 1),
            seed(Split::Training, Class::Dog, 1),
            seed(Split::Training, Class::Cat, 2),
        ];
        for (index, one) in seeds.iter().enumerate() {
            assert!(!seeds[..index].contains(one));
        }
    }

    #[test]
    fn files_lie_in_the_layout_of_data_sets() {
        assert_eq!(path(Split::Training, Class::Cat, 7), PathBuf::from("training_set/cats/cat.007.jpg"));
        assert_eq!(path(Split::Test, Class::Dog, 50), PathBuf::from("test_set/dogs/dog.050.jpg"));
        assert_eq!(path(Split::Sample, Class::Dog, 1), PathBuf::from("samples/dog.jpg"));
    }

    #[test]
    fn encoded_pictures_decode_to_their_size() {
        let decoded = image::load_from_memory(&encoded(Split::Sample, Class::Dog, 1)).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (256, 256));
    }
}
