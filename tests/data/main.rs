//! Pictures from files to batches. Every kind of bad picture and bad folder has a stated result.

mod augment;
mod cache;
mod concerns;
mod decode;
mod decoders;
mod folder;
mod kinds;
mod odd_folders;
mod parity;
mod pictures;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A picture of this format, without metadata.
fn encode(format: ImageFormat, pixels: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut file, pixels, width, height, color, format).unwrap();
    file.into_inner()
}

fn gray_png(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    encode(ImageFormat::Png, pixels, width, height, ExtendedColorType::L8)
}

/// A gray JPEG with this block of EXIF data.
fn jpeg_with_exif(exif: Vec<u8>, pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, 95);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.write_image(pixels, width, height, ExtendedColorType::L8).unwrap();
    file
}

/// A folder with these files, made in this order; all are the same small picture.
fn folder_of(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let picture = gray_png(&[10, 20, 30, 40], 2, 2);
    for file in files {
        put(dir.path(), file, &picture);
    }
    dir
}

fn put(dir: &Path, file: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}
