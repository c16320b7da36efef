//! The same pictures through Pillow: `tests/fixtures/make_fixtures.py` made them and what is expected.

use pawgrad::data::decode_file;
use std::fs;
use std::path::Path;

/// Compares with Pillow's bytes; `allowed` is the largest difference of a byte.
fn compare(picture: &str, size: usize, allowed: u8) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(picture);
    let expected = fs::read(path.with_file_name(format!("{picture}.{size}.gray"))).unwrap();
    let found = decode_file(&path, size).unwrap_or_else(|why| panic!("{picture}: {why}"));
    assert_eq!(found.len(), expected.len(), "{picture}");
    let differences = || found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b));
    let (largest, count) = (differences().max().unwrap(), differences().filter(|d| *d > 0).count());
    println!("{picture} to {size}: {count} of {} bytes differ, by {largest} at most", found.len());
    assert!(largest <= allowed, "{picture} to {size}: {count} bytes differ, by up to {largest}");
}

#[test]
fn luma_is_pillows_to_the_bit() {
    compare("rgb_40x40.png", 40, 0);
    compare("gray_16x16.bmp", 16, 0);
    compare("animated_18x18.webp", 18, 0);
}

#[test]
fn resizing_is_pillows_to_the_bit() {
    compare("rgb_37x53.png", 16, 0);
    compare("gray_101x67.png", 24, 0);
    compare("rgb_61x19.bmp", 32, 0);
    compare("gray_9x13.png", 48, 0);
    compare("gray_1x300.bmp", 8, 0);
}

#[test]
fn alpha_palettes_and_single_bits_are_as_in_pillow() {
    compare("rgba_23x17.png", 12, 0);
    compare("palette_31x31.png", 20, 0);
    compare("bits_33x20.png", 14, 0);
}

/// The inverse cosine transform and the chroma filter may round by one level each.
#[test]
fn jpegs_of_every_colour_space_are_close_to_pillow() {
    compare("rgb_48x40.jpg", 32, 2);
    compare("progressive_48x40.jpg", 32, 2);
    compare("cmyk_24x24.jpg", 24, 2);
    compare("ycck_24x24.jpg", 24, 2);
}
