//! PNG, row by row: what follows the last one is not needed, nor has it to be there.

use super::budget::{PIXELS, reserved};
use super::color::{Ink, of_gray, of_gray_alpha, of_pixels, of_rgb, of_rgba};
use super::decoded::Decoded;
use super::orientation::{Orientation, of_blocks};
use crate::data::skip::Skip;
use png::{BitDepth, ColorType, Decoder, DecodingError, InterlaceInfo, Limits, Reader, Transformations};
use std::io::{Cursor, ErrorKind};

/// Bytes that the decoder may take beside the picture: metadata and rows.
const MOST_BESIDE: usize = 64 << 20;

pub fn decode<I: Ink<M>, const M: usize>(file: &[u8]) -> Result<Decoded, Skip> {
    if file.get(12..).is_some_and(|start| start.starts_with(b"CgBI")) {
        let why = "a PNG as Xcode packs it for iPhones; save it as a usual PNG";
        return Err(Skip::Unsupported(why.to_string()));
    }
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), Limits { bytes: MOST_BESIDE });
    // Colour profiles are not used, and may unpack to anything.
    decoder.set_ignore_iccp_chunk(true);
    // Palettes and fewer bits become bytes; of 16 bits, the high ones stay.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info()?;
    let (width, height) = reader.info().size();
    let (color, depth) = reader.output_color_type();
    debug_assert_eq!(depth, BitDepth::Eight);
    let channels = color.samples();
    let [columns, rows] = [width, height].map(|side| side as usize);
    let is_interlaced = reader.info().interlaced;
    let pixels = u64::from(width) * u64::from(height);
    let samples = if is_interlaced { pixels * channels as u64 } else { 0 };
    let memory = PIXELS.take(2 * M as u64 * pixels + samples + 32 * u64::from(width))?;

    let mut made = reserved(columns * rows * M)?;
    if is_interlaced {
        let mut samples = reserved(columns * rows * channels)?;
        let stride = columns * channels;
        // Not until there are no more: then the decoder looks for what follows.
        for _ in 0..interlaced_rows(columns, rows) {
            let row = reader.next_interlaced_row()?.ok_or(Skip::Truncated)?;
            let InterlaceInfo::Adam7(place) = row.interlace() else { return Err(Skip::Truncated) };
            png::expand_interlaced_row(&mut samples, stride, row.data(), place, 8 * channels as u8);
        }
        convert::<I, M>(color, &samples, &mut made);
    } else {
        for made in made.chunks_mut(columns * M) {
            let row = reader.next_row()?.ok_or(Skip::Truncated)?;
            convert::<I, M>(color, row.data(), made);
        }
    }
    check_data(file)?;
    let orientation = orientation(reader);
    Ok(Decoded::new::<M>([columns, rows], made, orientation, memory))
}

/// Whether all coded data are there, as their checksums say. The decoder has its rows before it comes to the last of them.
fn check_data(file: &[u8]) -> Result<(), Skip> {
    let mut rest = file.get(8..).unwrap_or_default();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [length, kind] = [0, 4].map(|at| [head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let length = u32::from_be_bytes(length) as usize;
        let chunk = after
            .split_at_checked(length)
            .and_then(|(data, after)| Some((data, after.split_first_chunk::<4>()?)));
        if &kind == b"IDAT" {
            let (data, (checksum, _)) = chunk.ok_or(Skip::Truncated)?;
            let mut found = crc32fast::Hasher::new();
            found.update(&kind);
            found.update(data);
            if found.finalize().to_be_bytes() != *checksum {
                return Err(Skip::Damaged("its data do not match their checksum".to_string()));
            }
        }
        let Some((_, (_, after))) = chunk else { break };
        rest = after;
    }
    Ok(())
}

/// Rows of all seven passes together (PNG specification, 8.2): each takes some columns and some rows.
fn interlaced_rows(columns: usize, rows: usize) -> usize {
    let passes = [(0, 0, 8), (4, 0, 8), (0, 4, 8), (2, 0, 4), (0, 2, 4), (1, 0, 2), (0, 1, 2)];
    let rows = |(first_column, first_row, step): (usize, usize, usize)| match columns > first_column {
        true => rows.saturating_sub(first_row).div_ceil(step),
        false => 0,
    };
    passes.into_iter().map(rows).sum()
}

fn convert<I: Ink<M>, const M: usize>(color: ColorType, samples: &[u8], made: &mut [u8]) {
    match color {
        ColorType::Grayscale | ColorType::Indexed => of_pixels(samples, made, of_gray::<I, M>),
        ColorType::GrayscaleAlpha => of_pixels(samples, made, of_gray_alpha::<I, M>),
        ColorType::Rgb => of_pixels(samples, made, of_rgb::<I, M>),
        ColorType::Rgba => of_pixels(samples, made, of_rgba::<I, M>),
    }
}

/// Metadata may also follow the picture. Damage there is no matter.
fn orientation(mut reader: Reader<Cursor<&[u8]>>) -> Orientation {
    let _ = reader.finish();
    let info = reader.info();
    // A `zTXt` or `tEXt` named thus, of ImageMagick: three lines, and then the block in hexadecimal.
    let text = |keyword: &str| {
        let packed = info.compressed_latin1_text.iter().filter(|text| text.keyword == keyword);
        let plain = info.uncompressed_latin1_text.iter().filter(|text| text.keyword == keyword);
        let unicode = info.utf8_text.iter().filter(|text| text.keyword == keyword);
        let packed = packed.filter_map(|text| text.get_text().ok());
        let plain = plain.map(|text| text.text.clone());
        packed.chain(plain).chain(unicode.filter_map(|text| text.get_text().ok())).next()
    };
    let profile =
        || ["Raw profile type exif", "Raw profile type APP1"].into_iter().find_map(text).map(from_hex);
    let exif = info.exif_metadata.as_deref().map(<[u8]>::to_vec).or_else(profile);
    of_blocks(exif.as_deref(), text("XML:com.adobe.xmp").as_deref().map(str::as_bytes))
}

fn from_hex(profile: String) -> Vec<u8> {
    let digits: Vec<u8> = profile
        .splitn(4, '\n')
        .nth(3)
        .unwrap_or_default()
        .chars()
        .filter_map(|digit| Some(digit.to_digit(16)? as u8))
        .collect();
    digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}

impl From<DecodingError> for Skip {
    fn from(error: DecodingError) -> Skip {
        match error {
            DecodingError::IoError(why) if why.kind() == ErrorKind::UnexpectedEof => Skip::Truncated,
            DecodingError::LimitsExceeded => {
                let why =
                    "a PNG whose metadata, or one of its rows, take more than 64 MiB; save it as a usual PNG";
                Skip::Unsupported(why.to_string())
            }
            why => Skip::Damaged(why.to_string()),
        }
    }
}
