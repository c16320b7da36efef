//! A picture from a stream, such as the standard input.

use super::decode::{FILES, MOST_OF_FILES, decode_bytes};
use super::pictures::Raster;
use super::skip::Skip;
use std::io::Read;

/// Reads a stream to its end and decodes it; see [`decode_bytes`]. It may have as many bytes as a file.
///
/// # Errors
/// As [`decode_bytes`], and when the stream cannot be read.
pub fn decode_input(input: impl Read, raster: impl Into<Raster>) -> Result<Vec<u8>, Skip> {
    // How much will come is not known: it may be all that files may take.
    let _memory = FILES.take(MOST_OF_FILES)?;
    let mut bytes = Vec::new();
    let read = input.take(MOST_OF_FILES + 1).read_to_end(&mut bytes);
    read.map_err(|why| match why.kind() {
        std::io::ErrorKind::OutOfMemory => Skip::OutOfMemory,
        _ => Skip::Unreadable(why.to_string()),
    })?;
    let needed = bytes.len() as u64;
    if needed > MOST_OF_FILES {
        return Err(Skip::TooManyBytes { needed, most: MOST_OF_FILES });
    }
    decode_bytes(&bytes, raster)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::repeat;

    #[test]
    fn a_stream_without_end_is_refused() {
        let refused = decode_input(repeat(7), 8);
        assert_eq!(refused, Err(Skip::TooManyBytes { needed: MOST_OF_FILES + 1, most: MOST_OF_FILES }));
        assert_eq!(decode_input(&[][..], 8), Err(Skip::Empty));
    }
}
