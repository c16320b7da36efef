//! WebP, by libwebp: what Pillow and browsers decode with. It takes damage for what it is; the decoder in Rust reads on.

use super::budget::{PIXELS, reserved};
use super::color::{Ink, of_pixels, of_rgba};
use super::decoded::Decoded;
use super::orientation::of_blocks;
use crate::data::skip::Skip;
use libwebp_sys as libwebp;

pub fn decode<I: Ink<M>, const M: usize>(file: &[u8]) -> Result<Decoded, Skip> {
    let (mut exif, mut xmp) = (None, None);
    for chunk in (Chunks { rest: whole(file)? }) {
        match chunk? {
            (b"EXIF", data) => exif = exif.or(Some(data)),
            (b"XMP ", data) => xmp = xmp.or(Some(data)),
            _ => {}
        }
    }
    let size = Canvas::size(file)?;
    let pixels = size[0] * size[1];
    // Two canvases of four bytes, the planes of a frame, and what is made of them twice.
    let memory = PIXELS.take((12 + 2 * M as u64) * pixels as u64)?;
    let mut made = reserved(pixels * M)?;
    let mut canvas = Canvas::new(file, pixels)?;
    of_pixels(canvas.first_frame(pixels)?, &mut made, of_rgba::<I, M>);
    Ok(Decoded::new::<M>(size, made, of_blocks(exif, xmp), memory))
}

/// What is in the outer chunk, all of which has to be there.
fn whole(file: &[u8]) -> Result<&[u8], Skip> {
    let length = file[4..].first_chunk().map_or(0, |&length| u32::from_le_bytes(length) as usize);
    file.get(12..length.saturating_add(8)).ok_or(Skip::Truncated)
}

/// Chunks, one after the other.
struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<(&'a [u8; 4], &'a [u8]), Skip>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        let (name, after) = rest.split_first_chunk::<4>()?;
        let chunk = after.split_first_chunk().and_then(|(&length, after)| {
            let (data, after) = after.split_at_checked(u32::from_le_bytes(length) as usize)?;
            // An odd chunk is followed by a byte of padding.
            self.rest = after.get(data.len() % 2..)?;
            Some((name, data))
        });
        Some(chunk.ok_or_else(|| Skip::Damaged("a chunk is longer than the file".to_string())))
    }
}

/// libwebp's decoder of animations, and of pictures that stand still.
struct Canvas(*mut libwebp::WebPAnimDecoder);

impl Canvas {
    /// Width and height, before memory is taken.
    fn size(file: &[u8]) -> Result<[usize; 2], Skip> {
        let (mut width, mut height) = (0, 0);
        // SAFETY: the bytes are there, and the numbers are this function's own.
        let is_known = unsafe { libwebp::WebPGetInfo(file.as_ptr(), file.len(), &mut width, &mut height) };
        match is_known {
            0 => Err(Skip::Damaged("its header is wrong".to_string())),
            _ => Ok([width as usize, height as usize]),
        }
    }

    /// Before its first frame.
    ///
    /// # Errors
    /// Where the file, or any frame's header, is damaged.
    fn new(file: &[u8], pixels: usize) -> Result<Canvas, Skip> {
        // libwebp does not say why it failed.
        Vec::<u8>::new().try_reserve_exact(8 * pixels).map_err(|_| Skip::OutOfMemory)?;
        // SAFETY: zeros are numbers, which the first call sets; the bytes outlive the canvas, which `decode` sees to.
        let decoder = unsafe {
            let mut options = std::mem::zeroed();
            libwebp::WebPAnimDecoderOptionsInit(&mut options);
            let data = libwebp::WebPData { bytes: file.as_ptr(), size: file.len() };
            libwebp::WebPAnimDecoderNew(&data, &options)
        };
        if decoder.is_null() {
            return Err(Skip::Damaged("its headers contradict each other".to_string()));
        }
        let canvas = Canvas(decoder);
        let mut info = libwebp::WebPAnimInfo::default();
        // SAFETY: the decoder was made, and the struct is this function's own.
        unsafe { libwebp::WebPAnimDecoderGetInfo(canvas.0, &mut info) };
        // `first_frame` takes so many pixels from it.
        match info.canvas_width as usize * info.canvas_height as usize == pixels {
            true => Ok(canvas),
            false => Err(Skip::Damaged("its headers contradict each other".to_string())),
        }
    }

    /// RGBA pixels.
    fn first_frame(&mut self, pixels: usize) -> Result<&[u8], Skip> {
        let (mut frame, mut time) = (std::ptr::null_mut(), 0);
        // SAFETY: the decoder was made; the frame is a canvas of the size that the header says, and stays until the next.
        unsafe {
            if libwebp::WebPAnimDecoderGetNext(self.0, &mut frame, &mut time) == 0 {
                return Err(Skip::Damaged("its coded data are wrong, or end too early".to_string()));
            }
            Ok(std::slice::from_raw_parts(frame, 4 * pixels))
        }
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        // SAFETY: it was made, and is deleted once.
        unsafe { libwebp::WebPAnimDecoderDelete(self.0) }
    }
}
