//! One picture file to gray bytes of the network's size.
//!
//! The steps, in this order: decode the first frame, drop alpha, keep the high byte of 16-bit samples, gray as
//! BT.601 luma, turn as the EXIF orientation says, resize. Alpha is dropped rather than blended, as Pillow's
//! `convert("L")` and so Keras do: what lies under transparent pixels counts. Files come from anywhere, so
//! sizes are checked before memory is taken, and a panic in a decoder is an answer like any other.

use super::resize::resize;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;
use std::io::{self, Cursor};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Pixels that a picture may be wide or high.
pub const MAX_SIDE: u32 = 16_384;
/// Bytes that a file may have, and that its decoded pixels may have.
pub const MAX_BYTES: u64 = 256 << 20;

/// Why a picture cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Skip {
    /// The file cannot be read; the system's reason.
    Unreadable(String),
    /// Zero bytes.
    Empty,
    /// The content is of no format that is decoded here, whatever the name says.
    UnknownFormat,
    /// Wider or higher than [`MAX_SIDE`].
    TooManyPixels { width: u32, height: u32 },
    /// The file, or its pixels once decoded, exceed [`MAX_BYTES`].
    TooManyBytes,
    /// The file ends before the picture does.
    Truncated,
    /// The format has kinds that are not decoded; the decoder's reason.
    Unsupported(String),
    /// The decoder gave up; its reason.
    Damaged(String),
    /// The decoder crashed.
    Panicked,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Skip::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Skip::Empty => f.write_str("empty file"),
            Skip::UnknownFormat => f.write_str("not a JPEG, PNG, BMP, GIF or WebP picture"),
            Skip::TooManyPixels { width, height } => {
                write!(f, "{width} x {height} pixels; at most {MAX_SIDE} x {MAX_SIDE} are decoded")
            }
            Skip::TooManyBytes => write!(f, "needs more than {} MiB of memory", MAX_BYTES >> 20),
            Skip::Truncated => f.write_str("truncated"),
            Skip::Unsupported(why) => write!(f, "not supported: {why}"),
            Skip::Damaged(why) => write!(f, "damaged: {why}"),
            Skip::Panicked => f.write_str("damaged: the decoder crashed"),
        }
    }
}

impl From<ImageError> for Skip {
    fn from(error: ImageError) -> Skip {
        match error {
            ImageError::IoError(why) if why.kind() == io::ErrorKind::UnexpectedEof => Skip::Truncated,
            ImageError::Limits(_) => Skip::TooManyBytes,
            ImageError::Unsupported(why) => Skip::Unsupported(why.to_string()),
            why => Skip::Damaged(why.to_string()),
        }
    }
}

/// Decodes a picture to `size` x `size` gray bytes, row by row. The aspect ratio is not kept.
///
/// The format is told from the content, never from a name. Of an animation, the first frame counts.
///
/// # Errors
/// Why the picture should be skipped.
pub fn decode_bytes(file: &[u8], size: usize) -> Result<Vec<u8>, Skip> {
    let gray = without_panics(|| decode_gray(file)).unwrap_or(Err(Skip::Panicked))?;
    Ok(resize(&gray, gray.width() as usize, size))
}

/// The picture as it should be seen, at its own size.
fn decode_gray(file: &[u8]) -> Result<GrayImage, Skip> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, WebP};
    if file.is_empty() {
        return Err(Skip::Empty);
    }
    let format = match image::guess_format(file) {
        Ok(format @ (Bmp | Gif | Jpeg | Png | WebP)) => format,
        _ => return Err(Skip::UnknownFormat),
    };
    // The JPEG decoder fills up what is missing with gray and says nothing.
    if format == Jpeg && !has_end_of_image(file) {
        return Err(Skip::Truncated);
    }

    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > MAX_SIDE {
        return Err(Skip::TooManyPixels { width, height });
    }
    if decoder.total_bytes() > MAX_BYTES {
        return Err(Skip::TooManyBytes);
    }
    if width.min(height) == 0 {
        return Err(Skip::Damaged("it has no pixels".to_string()));
    }

    let color = decoder.color_type();
    // A picture with damaged metadata is still a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut samples)?;
    let gray = luma(samples, color)?;
    let gray = GrayImage::from_raw(width, height, gray).expect("one byte per pixel");
    let mut gray = DynamicImage::from(gray);
    gray.apply_orientation(orientation);
    Ok(gray.into_luma8())
}

/// Whether a JPEG's end-of-image marker is there. Looks from marker to marker, because a thumbnail in the
/// metadata has an end of its own. (Damage in the middle of the coded data goes unnoticed.)
fn has_end_of_image(jpeg: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xd9;
    // After FF: a stuffed zero, padding, and markers without a length (TEM, RST0-7, start of image).
    let no_segment = |code: u8| matches!(code, 0x00 | 0xff | 0x01 | 0xd0..=0xd8);
    let mut rest = jpeg;
    loop {
        let Some(found) = rest.windows(2).position(|pair| pair[0] == 0xff && !no_segment(pair[1])) else {
            return false;
        };
        if rest[found + 1] == END_OF_IMAGE {
            return true;
        }
        // A segment's length counts its own two bytes, but not the marker's. Coded data follows a scan's
        // header and is searched for the next marker like any stray bytes.
        let Some(&[high, low]) = rest.get(found + 2..found + 4) else { return false };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(after) = rest.get(found + 2 + length..) else { return false };
        rest = after;
    }
}

/// BT.601 luma in 16-bit fixed point, to the bit as Pillow rounds it.
fn luma(samples: Vec<u8>, color: ColorType) -> Result<Vec<u8>, Skip> {
    let channels = usize::from(color.channel_count());
    let bytes = match usize::from(color.bytes_per_pixel()) / channels {
        1 => samples,
        2 => {
            samples.chunks_exact(2).map(|pair| (u16::from_ne_bytes([pair[0], pair[1]]) >> 8) as u8).collect()
        }
        _ => return Err(Skip::Unsupported(format!("pixels of type {color:?}"))),
    };
    let gray = |pixel: &[u8]| {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8
    };
    Ok(match channels {
        1 => bytes,
        2 => bytes.chunks_exact(2).map(|pixel| pixel[0]).collect(),
        3 => bytes.chunks_exact(3).map(gray).collect(),
        _ => bytes.chunks_exact(4).map(gray).collect(),
    })
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
