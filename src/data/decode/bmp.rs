//! BMP, which is decoded as a whole.

use super::budget::{PIXELS, reserved};
use super::color::{Ink, of_gray, of_pixels, of_rgb, of_rgba};
use super::decoded::Decoded;
use super::orientation::Orientation;
use crate::data::skip::Skip;
use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder, ImageError};
use std::io::{Cursor, ErrorKind};

pub fn decode<I: Ink<M>, const M: usize>(file: &[u8]) -> Result<Decoded, Skip> {
    let decoder = BmpDecoder::new(Cursor::new(file))?;
    let (width, height) = decoder.dimensions();
    let (bytes, pixels) = (decoder.total_bytes(), u64::from(width) * u64::from(height));
    let memory = PIXELS.take(bytes + 2 * M as u64 * pixels)?;
    let color = decoder.color_type();
    let mut samples = reserved(bytes as usize)?;
    decoder.read_image(&mut samples)?;
    let mut made = reserved(pixels as usize * M)?;
    match color {
        ColorType::L8 => of_pixels(&samples, &mut made, of_gray::<I, M>),
        ColorType::Rgb8 => of_pixels(&samples, &mut made, of_rgb::<I, M>),
        ColorType::Rgba8 => of_pixels(&samples, &mut made, of_rgba::<I, M>),
        _ => return Err(Skip::Unsupported(format!("pixels of type {color:?}"))),
    }
    let size = [width, height].map(|side| side as usize);
    Ok(Decoded::new::<M>(size, made, Orientation::NoTransforms, memory))
}

impl From<ImageError> for Skip {
    fn from(error: ImageError) -> Skip {
        match error {
            ImageError::IoError(why) if why.kind() == ErrorKind::UnexpectedEof => Skip::Truncated,
            ImageError::Unsupported(why) => Skip::Unsupported(why.to_string()),
            why => Skip::Damaged(why.to_string()),
        }
    }
}
