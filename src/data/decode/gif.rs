//! GIF: the first frame, on its canvas.

use super::budget::{PIXELS, reserved};
use super::color::{Ink, of_pixels, of_rgb};
use super::decoded::Decoded;
use super::orientation::Orientation;
use crate::data::skip::Skip;
use gif::{DecodeOptions, DecodingError};
use std::io::ErrorKind;

/// Whether the blocks up to the end of the first frame are whole. The decoder is content once it has all pixels. (GIF89a
/// specification, 15 to 24.)
fn check_blocks(file: &[u8]) -> Option<()> {
    const EXTENSION: u8 = 0x21;
    let palette = |flags: u8| if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 };
    let mut at = 13 + palette(*file.get(10)?);
    loop {
        let is_extension = *file.get(at)? == EXTENSION;
        // An extension's name; or the frame's place and size, its palette, and the length of its first codes.
        at += if is_extension { 2 } else { 11 + palette(*file.get(at + 9)?) };
        // Parts of up to 255 bytes. The empty one that ends them is not needed.
        while let Some(&length) = file.get(at) {
            at += 1 + usize::from(length);
            if at > file.len() {
                return None;
            }
            if length == 0 {
                break;
            }
        }
        if !is_extension {
            return Some(());
        }
    }
}

pub fn decode<I: Ink<M>, const M: usize>(file: &[u8]) -> Result<Decoded, Skip> {
    check_blocks(file).ok_or(Skip::Truncated)?;
    let mut options = DecodeOptions::new();
    // Where codes are missing or doubled, those that say the end come too early or not at all.
    options.check_lzw_end_code(true);
    let mut decoder = options.read_info(file)?;
    let canvas = [decoder.width(), decoder.height()].map(usize::from);
    let Some(frame) = decoder.next_frame_info()? else {
        return Err(Skip::Damaged("it holds no frame".to_string()));
    };
    let [left, top, frame_width, frame_height] =
        [frame.left, frame.top, frame.width, frame.height].map(usize::from);
    let transparent = frame.transparent;
    // A frame that is larger widens the canvas.
    let [width, height] = [canvas[0].max(left + frame_width), canvas[1].max(top + frame_height)];
    let pixels = width * height;
    let memory = PIXELS.take((M * pixels + frame_width * frame_height) as u64)?;

    let palette = decoder.palette()?;
    let colors = palette.len() / 3;
    let mut color_of = [[0; M]; 256];
    of_pixels(palette, color_of[..colors].as_flattened_mut(), of_rgb::<I, M>);
    let mut frame = reserved(frame_width * frame_height)?;
    decoder.read_into_buffer(&mut frame)?;
    if frame.iter().any(|&index| usize::from(index) >= colors) {
        return Err(Skip::Damaged("it uses colours that its palette has not".to_string()));
    }
    // Colours count also where they are transparent. Around the frame is the background's, as the specification has it; Pillow
    // takes the palette's first there.
    let around = transparent.map(usize::from).or(decoder.bg_color()).unwrap_or(0);
    let mut made = reserved(pixels * M)?;
    let places = made.as_chunks_mut::<M>().0;
    places.fill(color_of.get(around).copied().unwrap_or([0; M]));
    if frame_width > 0 {
        let places = places.chunks_exact_mut(width).skip(top);
        for (place, row) in places.zip(frame.chunks_exact(frame_width)) {
            for (pixel, index) in place[left..].iter_mut().zip(row) {
                *pixel = color_of[usize::from(*index)];
            }
        }
    }
    Ok(Decoded::new::<M>([width, height], made, Orientation::NoTransforms, memory))
}

impl From<DecodingError> for Skip {
    fn from(error: DecodingError) -> Skip {
        match error {
            DecodingError::UnexpectedEof => Skip::Truncated,
            DecodingError::Io(why) if why.kind() == ErrorKind::UnexpectedEof => Skip::Truncated,
            DecodingError::OutOfMemory => Skip::OutOfMemory,
            why => Skip::Damaged(why.to_string()),
        }
    }
}
