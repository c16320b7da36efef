//! What a file is, by its content: names lie.

use crate::data::skip::Skip;

/// Bytes of a file's start that say what it is.
pub const START: usize = 1024;

/// What is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
    Bmp,
    Gif,
    WebP,
}

/// What a file that starts so is.
///
/// # Errors
/// Where it is nothing that is decoded: what it is instead, and what can be done.
pub fn format_of(start: &[u8]) -> Result<Format, Skip> {
    let at = |offset: usize, text: &[u8]| start.get(offset..).is_some_and(|start| start.starts_with(text));
    if start.is_empty() {
        return Err(Skip::Empty);
    }
    // Lengths of the headers that a BMP may have: `BM` alone begins many a text.
    let has_bmp_header = start.get(14..18).is_some_and(|len| {
        [12, 16, 40, 52, 56, 64, 108, 124].map(u32::to_le_bytes).iter().any(|known| known == len)
    });
    Ok(match () {
        () if at(0, b"\xff\xd8\xff") => Format::Jpeg,
        () if at(0, b"\x89PNG\r\n\x1a\n") => Format::Png,
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => Format::Gif,
        () if at(0, b"RIFF") && at(8, b"WEBP") => Format::WebP,
        () if at(0, b"BM") && has_bmp_header => Format::Bmp,
        () => return Err(other(start).map_or(Skip::UnknownFormat, |kind| Skip::OtherKind(kind.to_string()))),
    })
}

/// What else a file is, if that is known.
fn other(start: &[u8]) -> Option<String> {
    if start.iter().all(|&byte| byte == 0) {
        return Some("nothing but zeros, as an interrupted copy leaves: copy it again".to_string());
    }
    let at = |&(offset, text, _): &(usize, &[u8], &str)| {
        start.get(offset..).is_some_and(|start| start.starts_with(text))
    };
    if let Some((_, _, kind)) = PICTURES.iter().find(|kind| at(kind)) {
        return Some(format!("{kind}: save it as a JPEG or PNG"));
    }
    let named = OTHERS.iter().find(|kind| at(kind)).map(|(_, _, kind)| *kind).or_else(|| text(start));
    if let Some(kind) = named {
        return Some(format!("{kind}, not a picture"));
    }
    // By a looser look than that at pictures which are decoded.
    let kind = infer::get(start)?.mime_type();
    Some(match kind.strip_prefix("image/") {
        Some(kind) => format!("a {kind} picture whose first bytes are wrong"),
        None => format!("a file of type {kind}, not a picture"),
    })
}

/// Pictures that are not decoded here: offset, the bytes there, name.
const PICTURES: &[(usize, &[u8], &str)] = &[
    (4, b"ftypheic", HEIC),
    (4, b"ftypheix", HEIC),
    (4, b"ftypheim", HEIC),
    (4, b"ftypheis", HEIC),
    (4, b"ftyphevc", HEIC),
    (4, b"ftyphevx", HEIC),
    (4, b"ftypmif1", HEIC),
    (4, b"ftypmsf1", HEIC),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftypavis", "an AVIF picture"),
    (4, b"ftypcrx ", RAW),
    (8, b"CR\x02\0", RAW),
    (0, b"FUJIFILMCCD-RAW", RAW),
    (0, b"IIRO", RAW),
    (0, b"IIRS", RAW),
    (0, b"IIU\0", RAW),
    (0, b"II*\0", "a TIFF picture, or a camera's raw photo"),
    (0, b"MM\0*", "a TIFF picture, or a camera's raw photo"),
    (0, b"II+\0", "a TIFF picture"),
    (0, b"MM\0+", "a TIFF picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"8BPS", "a Photoshop picture"),
    (0, b"gimp xcf", "a GIMP picture"),
    (0, b"\0\0\x01\0", "an icon"),
    (0, b"qoif", "a QOI picture"),
    (0, b"DDS ", "a DDS picture"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance picture"),
    (0, b"SIMPLE  =", "a FITS picture"),
    (128, b"DICM", "a DICOM picture"),
    (0, b"P1\n", NETPBM),
    (0, b"P2\n", NETPBM),
    (0, b"P3\n", NETPBM),
    (0, b"P4\n", NETPBM),
    (0, b"P5\n", NETPBM),
    (0, b"P6\n", NETPBM),
    (0, b"P7\n", NETPBM),
];
const HEIC: &str = "a HEIC photo";
const RAW: &str = "a camera's raw photo";
const NETPBM: &str = "a Netpbm picture";

/// Other files that lie among pictures.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (0, b"\0\x05\x16\x07", "a companion file of macOS"),
    (0, b"\xd0\xcf\x11\xe0", "an Office file or a cache of Windows"),
    (0, b"version https://git-lfs", "a pointer of Git LFS (run git lfs pull)"),
    (4, b"ftyp", "a video"),
    (0, b"%PDF", "a PDF file"),
];

/// What kind of text it is, if it is one.
fn text(start: &[u8]) -> Option<&'static str> {
    // The last letter may be cut off.
    let text = match str::from_utf8(start) {
        Ok(text) => text,
        Err(why) if why.error_len().is_none() => str::from_utf8(&start[..why.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace()).to_ascii_lowercase();
    let is_printed = |c: char| !c.is_control() || c.is_whitespace();
    Some(match () {
        () if text.is_empty() || !text.chars().all(is_printed) => return None,
        () if text.starts_with("<svg") || (text.starts_with("<?xml") && text.contains("<svg")) => {
            "an SVG drawing"
        }
        () if ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| text.starts_with(tag)) => {
            "a web page"
        }
        () if text.starts_with("<?xml") && text.contains("<html") => "a web page",
        () => "a text file",
    })
}
