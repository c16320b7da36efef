//! JPEG. The coded data are read by libjpeg-turbo (as mozjpeg packs it), as Pillow and browsers read them: every legal layout of
//! scans, with a warning of what is damaged. From coefficients to pixels it goes on here, with vectors on any processor, and
//! to the bit as libjpeg would, where a picture is sound.
//!
//! The decoders in Rust were tried: those that are maintained and free to use are silently wrong for some layouts, and fill up
//! what is missing. libjpeg's own way from coefficients to colours needs an assembler, which few machines have, to be fast.

mod dct;
mod frame;
mod libjpeg;
mod rows;

use super::budget::{PIXELS, reserved};
use super::color::{Ink, of_cmyk, of_gray, of_rgb, of_rows, of_ycc, of_ycck};
use super::decoded::Decoded;
use super::orientation::of_app1;
use crate::data::skip::Skip;
use frame::Headers;
use libjpeg::{Coefficients, ColorSpace};
use pulp::{Arch, Simd, WithSimd};
use rows::Rows;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Blocks that all scans of a picture may visit. Encoders write about ten scans, each of which is a pass over the blocks of its
/// channels: a small file of thousands would take minutes. So many are 25 scans of 100 megapixels in full colour, and take about
/// a second.
const MOST_VISITS: usize = 1 << 27;

pub fn decode<I: Ink<M>, const M: usize>(file: &[u8]) -> Result<Decoded, Skip> {
    let headers = Headers::of(file)?;
    let memory = PIXELS.take(headers.bytes(M))?;
    if headers.visits > MOST_VISITS {
        let why = "a JPEG of so many scans that it would take too long; save it as a usual JPEG";
        return Err(Skip::Unsupported(why.to_string()));
    }
    let read = catch_unwind(AssertUnwindSafe(|| Coefficients::read(headers.needed)));
    let coefficients = read.map_err(|why| match why.downcast::<Skip>() {
        Ok(skip) => *skip,
        Err(crash) => resume_unwind(crash),
    });
    let coefficients = coefficients.map_err(|why| match why {
        Skip::Truncated if headers.needed.len() < file.len() => {
            Skip::Damaged("its coded data end before the picture does".to_string())
        }
        why => why,
    })?;
    let size = coefficients.size();
    let made = Arch::new().dispatch(ToPixels::<I, M> { coefficients, ink: PhantomData })?;
    Ok(Decoded::new::<M>(size, made, of_app1(&headers.app1), memory))
}

/// From coefficients to pixels. What it calls is inlined, to be compiled with the vectors that the processor has.
struct ToPixels<'a, I, const M: usize> {
    coefficients: Coefficients<'a>,
    ink: PhantomData<I>,
}

impl<I: Ink<M>, const M: usize> WithSimd for ToPixels<'_, I, M> {
    type Output = Result<Vec<u8>, Skip>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Result<Vec<u8>, Skip> {
        let mut coefficients = self.coefficients;
        let size @ [width, height] = coefficients.size();
        let channels = &coefficients.channels;
        let most = |axis: usize| channels.iter().map(|channel| channel.sampling[axis]).max().unwrap_or(1);
        let finest = [most(0), most(1)];
        let rows =
            channels.iter().enumerate().map(|(index, channel)| Rows::new(index, channel, size, finest));
        let mut rows: Vec<Rows> = rows.collect::<Result<_, _>>()?;
        let colors = coefficients.color_space();
        let mut made = reserved(width * height * M)?;
        for (y, made) in made.chunks_exact_mut(width * M).enumerate() {
            for rows in &mut rows {
                rows.make(y, &mut coefficients)?;
            }
            match (&rows[..], colors) {
                ([luma], _) => of_rows([luma.row()], made, of_gray::<I, M>),
                ([y, cb, cr], ColorSpace::JCS_YCbCr) => {
                    of_rows([y.row(), cb.row(), cr.row()], made, of_ycc::<I, M>);
                }
                ([r, g, b], _) => of_rows([r.row(), g.row(), b.row()], made, of_rgb::<I, M>),
                ([y, cb, cr, k], ColorSpace::JCS_YCCK) => {
                    of_rows([y.row(), cb.row(), cr.row(), k.row()], made, of_ycck::<I, M>);
                }
                ([c, m, y, k], _) => of_rows([c.row(), m.row(), y.row(), k.row()], made, of_cmyk::<I, M>),
                _ => return Err(Skip::Unsupported(format!("a JPEG of {} channels", rows.len()))),
            }
        }
        Ok(made)
    }
}
