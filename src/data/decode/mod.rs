//! One picture file to gray or RGB bytes of the network's size.
//!
//! The steps, in this order: decode the first frame, drop alpha, keep the high byte of 16-bit samples, gray as
//! BT.601 luma or else RGB, turn as the metadata says, resize. Alpha is dropped rather than blended, as Pillow's
//! `convert("L")` and so Keras do: what lies under transparent pixels counts.
//!
//! A picture is whole when each of its rows or blocks was decoded, whatever follows them. Files come from anywhere, so
//! sizes are checked before memory is taken, all decoders share it, and a panic in a decoder is an answer like any other.

mod bmp;
mod budget;
mod color;
mod decoded;
mod gif;
mod jpeg;
mod kind;
mod orientation;
mod png;
mod webp;

pub(super) use budget::{FILES, MOST_OF_FILES, Part, reserved};
pub(super) use kind::{START, format_of};

use super::pictures::{Color, Raster};
use super::resize::resize;
use super::skip::Skip;
use color::{Gray, Ink, Rgb};
use decoded::Decoded;
use kind::Format;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Bytes that files take while they are decoded, and what becomes of them, on all threads together.
pub const MAX_MEMORY: u64 = budget::MOST_OF_FILES + budget::MOST_OF_PIXELS;

/// Decodes a picture to the pixels of `raster`, `[height, width, channels]` bytes. The aspect ratio is not kept.
///
/// The format is found from the content, never from a name. Of an animation, the first frame counts.
///
/// # Errors
/// Why the picture should be skipped.
pub fn decode_bytes(file: &[u8], raster: impl Into<Raster>) -> Result<Vec<u8>, Skip> {
    let Raster { size, color } = raster.into();
    let decode = || match color {
        Color::Gray => decode::<Gray, 1>(file, size),
        Color::Rgb => decode::<Rgb, 3>(file, size),
    };
    without_panics(decode).unwrap_or(Err(Skip::Panicked))
}

fn decode<I: Ink<M>, const M: usize>(file: &[u8], size: usize) -> Result<Vec<u8>, Skip> {
    let decoded = match format_of(&file[..file.len().min(START)])? {
        Format::Jpeg => jpeg::decode::<I, M>(file)?,
        Format::Png => png::decode::<I, M>(file)?,
        Format::Gif => gif::decode::<I, M>(file)?,
        Format::Bmp => bmp::decode::<I, M>(file)?,
        Format::WebP => webp::decode::<I, M>(file)?,
    };
    let Decoded { mut picture, orientation, memory: _memory } = decoded;
    picture.apply_orientation(orientation);
    let width = picture.width() as usize;
    let bytes = picture.into_bytes();
    if bytes.is_empty() {
        return Err(Skip::Damaged("it has no pixels".to_string()));
    }
    Ok(resize::<M>(&bytes, width, size))
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}
/// Runs a decoder; `None` if it panicked. Nothing is printed then: the file is listed with its reason.
fn without_panics<T>(decode: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                print(info);
            }
        }));
    });
    QUIET.set(true);
    // The decoder's state is dropped with it, so none can be seen half changed.
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    QUIET.set(false);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static PRINTED: Cell<u32> = const { Cell::new(0) };
    }

    #[test]
    fn a_crash_of_a_decoder_is_caught_and_says_nothing() {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PRINTED.set(PRINTED.get() + 1);
            default(info);
        }));
        assert_eq!(without_panics(|| 5), Some(5));
        assert_eq!(without_panics(|| -> u32 { panic!("as a decoder might") }), None);
        assert_eq!(PRINTED.get(), 0);
        // Other panics are printed as before.
        assert!(panic::catch_unwind(|| panic!("this one is expected in the test's output")).is_err());
        assert_eq!(PRINTED.get(), 1);
    }
}
