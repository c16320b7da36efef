//! The same pictures through Pillow: `tests/fixtures/make_fixtures.py` made them and what is expected.

use pawgrad::data::{Color, Raster, decode_file};
use std::fs;
use std::path::Path;

/// Compares with Pillow's bytes, gray and in colour.
fn compare(picture: &str, size: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(picture);
    for (name, color) in Color::ALL {
        let expected = fs::read(path.with_file_name(format!("{picture}.{size}.{name}"))).unwrap();
        let found =
            decode_file(&path, Raster { size, color }).unwrap_or_else(|why| panic!("{picture}: {why}"));
        assert_eq!(found.len(), expected.len(), "{picture} {name}");
        let differences = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
        assert_eq!(differences, 0, "bytes of {picture} at {size}, {name}");
    }
}

#[test]
fn colours_and_luma_are_pillows_to_the_bit() {
    compare("rgb_40x40.png", 40);
    compare("gray_16x16.bmp", 16);
    compare("animated_18x18.webp", 18);
}

#[test]
fn resizing_is_pillows_to_the_bit() {
    compare("rgb_37x53.png", 16);
    compare("gray_101x67.png", 24);
    compare("rgb_61x19.bmp", 32);
    compare("gray_9x13.png", 48);
    compare("gray_1x300.bmp", 8);
}

#[test]
fn alpha_palettes_and_single_bits_are_as_in_pillow() {
    compare("rgba_23x17.png", 12);
    compare("palette_31x31.png", 20);
    compare("bits_33x20.png", 14);
    compare("interlaced_21x13.png", 21);
    compare("interlaced_3x2.png", 3);
}

#[test]
fn jpegs_of_every_colour_space_are_pillows_to_the_bit() {
    compare("rgb_48x40.jpg", 32);
    compare("progressive_48x40.jpg", 32);
    compare("cmyk_24x24.jpg", 24);
    compare("ycck_24x24.jpg", 24);
}

/// Scans of one channel, restarts, and channels of every relation of sizes.
#[test]
fn jpegs_of_rare_layouts_are_pillows_to_the_bit() {
    compare("scans_48x40.jpg", 32);
    compare("thirds_48x40.jpg", 32);
    compare("luma_48x40.jpg", 32);
}
