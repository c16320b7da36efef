//! One picture, good or bad: what comes out, or which reason.

use crate::{encode, gray_png, jpeg_with_exif, put};
use image::codecs::gif::GifEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType as Color, Frame, ImageEncoder, ImageFormat, Rgba, RgbaImage};
use pawgrad::data::{Skip, decode_bytes, decode_file};

const FORMATS: [ImageFormat; 5] =
    [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::WebP];

/// 16x16 pixels of slow colours.
fn picture(format: ImageFormat) -> Vec<u8> {
    let pixels: Vec<u8> =
        (0..16 * 16).flat_map(|i| [i as u8, (i / 16 * 16) as u8, (i % 16 * 16) as u8]).collect();
    encode(format, &pixels, 16, 16, Color::Rgb8)
}

/// EXIF data that holds the orientation only: little-endian, one entry of type u16.
fn orientation(value: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([value, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

#[test]
fn every_format_decodes_whatever_the_name_says() {
    let dir = tempfile::tempdir().unwrap();
    for format in FORMATS {
        for name in ["a.jpg", "a.png"] {
            let path = put(dir.path(), name, &picture(format));
            assert_eq!(decode_file(&path, 8).unwrap().len(), 64, "{format:?} as {name}");
        }
    }
}

#[test]
fn what_is_no_picture_is_skipped_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let skip = |content: &[u8]| decode_file(&put(dir.path(), "a.jpg", content), 8).unwrap_err();
    assert_eq!(skip(b""), Skip::Empty);
    assert_eq!(skip(b"\x01\x02\x03"), Skip::UnknownFormat);
    assert!(matches!(decode_file(&dir.path().join("missing.jpg"), 8), Err(Skip::Unreadable(_))));
    assert!(matches!(decode_file(dir.path(), 8), Err(Skip::Unreadable(_))));
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_skipped() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = put(dir.path(), "a.png", &gray_png(&[7], 1, 1));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    match decode_file(&path, 2) {
        Err(Skip::Unreadable(why)) => assert!(why.contains("ermission"), "{why}"),
        // Permissions do not bind the superuser.
        result => assert_eq!(result, Ok(vec![7; 4])),
    }
}

#[test]
fn a_cut_jpeg_is_truncated_wherever_it_was_cut() {
    let plain = picture(ImageFormat::Jpeg);
    // The thumbnail in the metadata has an end-of-image marker of its own.
    let thumbnail = jpeg_with_exif(plain.clone(), &[50; 256], 16, 16);
    for file in [&plain, &thumbnail] {
        let complete = decode_bytes(file, 8).unwrap();
        for length in 3..file.len() - 2 {
            match decode_bytes(&file[..length], 8) {
                // The last byte may hold no more than padding.
                Ok(pixels) => assert!(length == file.len() - 3 && pixels == complete, "{length}"),
                Err(why) => assert_eq!(why, Skip::Truncated, "{length} of {}", file.len()),
            }
        }
        // Without the end marker, or half of it, all is there.
        for length in [file.len() - 2, file.len() - 1] {
            assert_eq!(decode_bytes(&file[..length], 8).as_ref(), Ok(&complete));
        }
        // Some cameras and programs append their own data.
        assert_eq!(decode_bytes(&[file, &b"appended"[..]].concat(), 8), Ok(complete));
    }
}

#[test]
fn other_cut_pictures_are_skipped_unless_every_pixel_is_there() {
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::WebP] {
        let file = picture(format);
        let complete = decode_bytes(&file, 8).unwrap();
        for length in 0..file.len() {
            match decode_bytes(&file[..length], 8) {
                Ok(pixels) => assert_eq!(pixels, complete, "{format:?}, {length} of {}", file.len()),
                Err(Skip::Panicked) => panic!("{format:?}, {length} of {}", file.len()),
                Err(_) => {}
            }
        }
        assert!(decode_bytes(&file[..file.len() / 2], 8).is_err(), "{format:?}");
    }
    let png = picture(ImageFormat::Png);
    assert_eq!(decode_bytes(&png[..png.len() / 2], 8), Err(Skip::Truncated));
}

#[test]
fn damaged_pictures_end_in_an_answer() {
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for format in FORMATS {
        let file = picture(format);
        for _ in 0..300 {
            let mut damaged = file.clone();
            for _ in 0..1 + random() % 4 {
                damaged[random() % file.len()] = random() as u8;
            }
            // Any answer will do; a crash, or one that takes all memory, would end the test.
            let _ = decode_bytes(&damaged, 8);
        }
    }
}

/// A PNG with no pixels in it: header, empty data, end.
fn png_header(width: u32, height: u32, color_type: u8) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, color_type, 0, 0, 0]].concat();
    for (kind, data) in [(b"IHDR", &header[..]), (b"IDAT", &[]), (b"IEND", &[])] {
        let chunk = [&kind[..], data].concat();
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(&chunk);
        file.extend(crc32(&chunk).to_be_bytes());
    }
    file
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn huge_pictures_are_refused_before_they_are_decoded() {
    const MOST: u64 = 1 << 30;
    let is_refused = |file: &[u8]| match decode_bytes(file, 8) {
        Err(Skip::TooManyBytes { needed, most }) => needed > most && most == MOST,
        answer => panic!("{answer:?}"),
    };
    let (gray, rgb) = (0, 2);
    assert!(is_refused(&png_header(65_535, 65_535, rgb)));
    assert!(matches!(decode_bytes(&png_header(1 << 30, 1, gray), 8), Err(Skip::Unsupported(_))));
    assert!(is_refused(&png_header(1, 1 << 30, gray)));

    // Height and width of a JPEG follow the frame marker, its length and the bits of a sample.
    let mut jpeg = picture(ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    assert!(is_refused(&jpeg));
    let mut gif = picture(ImageFormat::Gif);
    gif[6..10].fill(0xff);
    assert!(is_refused(&gif));

    // Of a file that is too large, and of one that is no picture, only the start is read.
    let dir = tempfile::tempdir().unwrap();
    let sparse = |name: &str, start: &[u8]| {
        let path = put(dir.path(), name, start);
        std::fs::File::options().append(true).open(&path).unwrap().set_len(3 << 30).unwrap();
        decode_file(&path, 8).unwrap_err()
    };
    assert_eq!(sparse("a.gif", b"GIF89a"), Skip::TooManyBytes { needed: 3 << 30, most: 256 << 20 });
    assert!(matches!(sparse("b.gif", b""), Skip::OtherKind(_)));
}

#[test]
fn alpha_is_dropped_and_sixteen_bits_keep_their_high_byte() {
    let png = |pixels: &[u8], color| decode_bytes(&encode(ImageFormat::Png, pixels, 1, 1, color), 1).unwrap();
    // 0.299, 0.587 and 0.114 of 255, rounded.
    assert_eq!(png(&[255, 0, 0], Color::Rgb8), [76]);
    assert_eq!(png(&[0, 255, 0], Color::Rgb8), [150]);
    assert_eq!(png(&[0, 0, 255], Color::Rgb8), [29]);
    assert_eq!(png(&[0, 255, 0, 0], Color::Rgba8), [150]);
    assert_eq!(png(&[90, 0], Color::La8), [90]);
    let wide = |samples: &[u16]| samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect::<Vec<_>>();
    for (sample, byte) in [(0, 0), (0x00ff, 0), (0x0100, 1), (0x80ff, 0x80), (0xffff, 255)] {
        assert_eq!(png(&wide(&[sample]), Color::L16), [byte], "{sample:#x}");
        assert_eq!(png(&wide(&[sample, 0]), Color::La16), [byte], "{sample:#x}");
        assert_eq!(png(&wide(&[sample; 3]), Color::Rgb16), [byte], "{sample:#x}");
        assert_eq!(png(&wide(&[sample, sample, sample, 0]), Color::Rgba16), [byte], "{sample:#x}");
    }
}

#[test]
fn extreme_shapes_decode() {
    assert_eq!(decode_bytes(&gray_png(&[200], 1, 1), 8), Ok(vec![200; 64]));
    for (width, height) in [(1, 10_000), (10_000, 1)] {
        assert_eq!(decode_bytes(&gray_png(&[99; 10_000], width, height), 8), Ok(vec![99; 64]));
    }
    let gray_jpeg = encode(ImageFormat::Jpeg, &[128; 64], 8, 8, Color::L8);
    assert_eq!(decode_bytes(&gray_jpeg, 2), Ok(vec![128; 4]));
}

#[test]
fn the_first_frame_of_an_animation_counts() {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    for gray in [40, 200] {
        let frame = RgbaImage::from_pixel(4, 4, Rgba([gray, gray, gray, 255]));
        encoder.encode_frame(Frame::new(frame)).unwrap();
    }
    drop(encoder);
    assert_eq!(decode_bytes(&file, 2), Ok(vec![40; 4]));
}

/// A picture of four gray quarters is turned and mirrored as each of the eight orientations says.
#[test]
fn exif_orientation_is_applied() {
    let [a, b, c, d] = [0, 80, 160, 240];
    let quarters: Vec<u8> =
        (0..16).flat_map(|y| (0..16).map(move |x| [[a, b], [c, d]][y / 8][x / 8])).collect();
    let seen = [
        [a, b, c, d],
        [b, a, d, c],
        [d, c, b, a],
        [c, d, a, b],
        [a, c, b, d],
        [c, a, d, b],
        [d, b, c, a],
        [b, d, a, c],
    ];
    for (value, expected) in (1..).zip(seen) {
        let mut png = Vec::new();
        let mut encoder = PngEncoder::new(&mut png);
        encoder.set_exif_metadata(orientation(value)).unwrap();
        encoder.write_image(&quarters, 16, 16, Color::L8).unwrap();
        for file in [png, jpeg_with_exif(orientation(value), &quarters, 16, 16)] {
            let pixels = decode_bytes(&file, 16).unwrap();
            let middles = [4 * 16 + 4, 4 * 16 + 12, 12 * 16 + 4, 12 * 16 + 12].map(|at| pixels[at]);
            assert!(middles.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2), "{value}: {middles:?}");
        }
    }
    // Width and height change places.
    let row: Vec<u8> = (0..32).map(|x| x * 8).collect();
    let column = decode_bytes(&jpeg_with_exif(orientation(6), &row.repeat(4), 32, 4), 8).unwrap();
    assert!(column[..8].iter().all(|top| top.abs_diff(column[0]) <= 2) && column[0] + 150 < column[63]);
    // An orientation that does not exist, and data that are no EXIF, are passed over.
    for exif in [orientation(9), b"rubbish".to_vec()] {
        assert!(decode_bytes(&jpeg_with_exif(exif, &quarters, 16, 16), 16).is_ok());
    }
}
