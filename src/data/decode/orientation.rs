//! How a picture is to be turned. Cameras and editors write it in more ways than the standard knows, and every one of them
//! that programs honour is honoured here: an EXIF block with or without its prefix, of either byte order, with a number of any
//! width; as text in a PNG, as ImageMagick writes it; and XMP, where EXIF says nothing.

use exif::{In, Reader, Tag};
pub use image::metadata::Orientation;

/// Of the APP1 segments of a JPEG, which hold EXIF or XMP.
pub fn of_app1(segments: &[&[u8]]) -> Orientation {
    let exif = segments.iter().find_map(|segment| of_exif(segment));
    exif.or_else(|| segments.iter().find_map(|segment| of_xmp(segment))).unwrap_or(UPRIGHT)
}

/// Of a block of EXIF and one of XMP, where there are any.
pub fn of_blocks(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Orientation {
    exif.and_then(of_exif).or_else(|| xmp.and_then(of_xmp)).unwrap_or(UPRIGHT)
}

const UPRIGHT: Orientation = Orientation::NoTransforms;

/// What EXIF says, where it says something; a number that means nothing is upright.
fn of_exif(block: &[u8]) -> Option<Orientation> {
    // The prefix is in fact `Exif\0\0`, that and a space, twice that, or nothing.
    let is_tiff = |bytes: &[u8]| bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*");
    let start = (0..block.len().min(32)).find(|&start| is_tiff(&block[start..]))?;
    let read = Reader::new().continue_on_error(true).read_raw(block[start..].to_vec());
    // Damage after it is no matter.
    let exif = read.or_else(|why| why.distill_partial_result(|_| ())).ok()?;
    let number = exif.get_field(Tag::Orientation, In::PRIMARY)?.value.get_uint(0)?;
    Some(of_number(number))
}

/// `tiff:Orientation` as attribute or element.
fn of_xmp(xmp: &[u8]) -> Option<Orientation> {
    let name = b"tiff:Orientation";
    let found = xmp.windows(name.len()).position(|part| part == name)? + name.len();
    let digit = xmp[found..].iter().take(4).find(|byte| byte.is_ascii_digit())?;
    Some(of_number(u32::from(digit - b'0')))
}

fn of_number(number: u32) -> Orientation {
    u8::try_from(number).ok().and_then(Orientation::from_exif).unwrap_or(UPRIGHT)
}
