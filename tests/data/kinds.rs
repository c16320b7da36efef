//! Pictures of the kinds that people reported: what is whole is read, whatever surrounds it; what is not is refused with the
//! true reason. kinds.md lists them, with where each expectation comes from.

use crate::{encode, gray_png, jpeg_with_exif, put};
use image::{ExtendedColorType as Color, ImageFormat};
use pawgrad::data::{Skip, decode_bytes, decode_file};
use std::fs;
use std::path::Path;

const END: [u8; 2] = [0xff, 0xd9];

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// Where a marker stands.
fn marker(jpeg: &[u8], code: u8) -> usize {
    jpeg.windows(2).rposition(|pair| pair == [0xff, code]).unwrap()
}

#[test]
fn a_whole_jpeg_is_read_whatever_follows_it() {
    let scans = ["rgb_48x40.jpg", "progressive_48x40.jpg", "scans_48x40.jpg"];
    for name in scans {
        let good = fixture(name);
        let pixels = decode_bytes(&good, 16).unwrap();
        let body = good.strip_suffix(&END).unwrap();
        // A film, as phones append it, with markers in it, and another picture.
        let film = [b"\0\0\0\x18ftypmp42".as_slice(), &[0xff, 0xc4, 0, 9, 1, 2], &good].concat();
        for tail in [&b""[..], &END[..1], &END, &[END.as_slice(), b"more"].concat(), &film] {
            assert!(
                decode_bytes(&[body, tail].concat(), 16).as_ref() == Ok(&pixels),
                "{name}, {} more",
                tail.len()
            );
        }
        // Metadata that are shorter than they ought to be, before the picture.
        let app14 = [&good[..2], b"\xff\xee\0\x05Adobe"[..6].as_ref(), b"d", &good[2..]].concat();
        assert_eq!(decode_bytes(&app14, 16).as_ref(), Ok(&pixels), "{name}");
    }
}

#[test]
fn a_jpeg_of_which_a_part_is_missing_is_damaged() {
    for name in ["rgb_48x40.jpg", "progressive_48x40.jpg", "scans_48x40.jpg"] {
        let good = fixture(name);
        let data = marker(&good, 0xda) + 14;
        for (from, to) in
            [(data, data + 20), ((data + good.len()) / 2, good.len() - 2), (data, good.len() - 2)]
        {
            // A part of the last scan, or all of it, and the end marker is there.
            let hole = [&good[..from], &good[to..]].concat();
            match decode_bytes(&hole, 16) {
                Err(Skip::Damaged(_)) => {}
                // A hole may leave codes that are sound.
                answer => assert!(answer.is_ok() && to - from == 20, "{name} {from}..{to}: {answer:?}"),
            }
        }
    }
    // All but the last scan.
    for name in ["progressive_48x40.jpg", "scans_48x40.jpg"] {
        let good = fixture(name);
        let before = [&good[..marker(&good, 0xda)], &END].concat();
        assert_eq!(decode_bytes(&before, 16), Err(Skip::Damaged("scans are missing".to_string())), "{name}");
    }
}

#[test]
fn values_that_no_picture_has_are_damage() {
    // The table that coefficients are multiplied by, 64 bytes after a marker, a length and a number.
    let mut jpeg = fixture("rgb_48x40.jpg");
    let table = jpeg.windows(2).position(|pair| pair == [0xff, 0xdb]).unwrap() + 5;
    jpeg[table + 1..table + 64].fill(255);
    assert!(matches!(decode_bytes(&jpeg, 16), Err(Skip::Damaged(_))));
}

#[test]
fn what_a_picture_is_not_read_for_is_named() {
    let mut jpeg = fixture("rgb_48x40.jpg");
    let frame = marker(&jpeg, 0xc0);
    for (code, why) in [(0xc9, "arithmetic"), (0xc3, "lossless"), (0xc5, "hierarchical")] {
        jpeg[frame + 1] = code;
        match decode_bytes(&jpeg, 16) {
            Err(Skip::Unsupported(text)) => assert!(text.contains(why) && text.contains("save it"), "{text}"),
            answer => panic!("{code:x}: {answer:?}"),
        }
    }
    jpeg[frame + 1] = 0xc1;
    jpeg[frame + 4] = 12;
    assert!(matches!(decode_bytes(&jpeg, 16), Err(Skip::Unsupported(text)) if text.contains("8 bits")));
}

#[test]
fn a_png_is_whole_without_its_last_chunk_and_not_without_data() {
    for name in ["rgb_40x40.png", "interlaced_21x13.png"] {
        let good = fixture(name);
        let pixels = decode_bytes(&good, 16).unwrap();
        let end = good.len() - 12;
        assert_eq!(decode_bytes(&good[..end], 16).as_ref(), Ok(&pixels), "{name}");
        assert_eq!(decode_bytes(&[&good, &b"more"[..]].concat(), 16).as_ref(), Ok(&pixels), "{name}");
        assert_eq!(decode_bytes(&good[..end - 1], 16), Err(Skip::Truncated), "{name}");
        for at in [end - 6, end - 20] {
            let mut flipped = good.clone();
            flipped[at] ^= 4;
            assert!(matches!(decode_bytes(&flipped, 16), Err(Skip::Damaged(_))), "{name} {at}");
        }
    }
}

/// EXIF of one entry, the orientation 6 (a quarter to the right), of this byte order and type: 3 is u16, 4 is u32.
fn quarter(is_big: bool, kind: u8) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0".to_vec();
    exif.extend([kind, 0, 0, 0, 1]);
    exif.extend(if kind == 3 { [0, 6, 0, 0] } else { [0, 0, 0, 6] });
    exif.extend([0; 4]);
    if !is_big {
        exif = b"II*\0\x08\0\0\0\x01\0\x12\x01".to_vec();
        exif.extend([kind, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    }
    exif
}

/// A chunk of a PNG, at the end where `is_last`, else before the data.
fn with_chunk(png: &[u8], kind: &[u8; 4], data: &[u8], is_last: bool) -> Vec<u8> {
    let body = [kind, data].concat();
    let chunk =
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc32fast::hash(&body).to_be_bytes()].concat();
    let at = if is_last { png.len() - 12 } else { 33 };
    [&png[..at], &chunk, &png[at..]].concat()
}

#[test]
fn every_way_to_write_an_orientation_is_honoured() {
    // Dark at the left; turned, dark at the top.
    let row: Vec<u8> = (0..16).map(|x| x * 16).collect();
    let is_turned = |file: &[u8]| {
        let pixels = decode_bytes(file, 8).unwrap_or_else(|why| panic!("{why}"));
        pixels[0].abs_diff(pixels[7]) < 8 && pixels[0] + 100 < pixels[56]
    };
    let pixels = row.repeat(16);
    let png = gray_png(&pixels, 16, 16);
    let rgb: Vec<u8> = pixels.iter().flat_map(|gray| [*gray; 3]).collect();
    let webp = encode(ImageFormat::WebP, &rgb, 16, 16, Color::Rgb8);
    // Behind an extended header, which says that there are EXIF (8) or XMP (4).
    let with_exif = |name: &[u8; 4], block: &[u8]| {
        let chunk = |name: &[u8; 4], data: &[u8]| {
            let padding = vec![0; data.len() % 2];
            [&name[..], &(data.len() as u32).to_le_bytes(), data, &padding].concat()
        };
        let header = [if name == b"EXIF" { 8 } else { 4 }, 0, 0, 0, 15, 0, 0, 15, 0, 0];
        let body = [b"WEBP", &chunk(b"VP8X", &header)[..], &webp[12..], &chunk(name, block)].concat();
        chunk(b"RIFF", &body)
    };
    assert!(!is_turned(&png) && !is_turned(&webp));
    for (is_big, kind) in [(true, 3), (false, 3), (true, 4), (false, 4)] {
        let plain = quarter(is_big, kind);
        assert!(is_turned(&with_chunk(&png, b"eXIf", &plain, true)), "after the data");
        for prefix in [&b""[..], b"Exif\0\0", b"Exif\0\0Exif\0\0", b"Exif\0\xff"] {
            let block = [prefix, &plain].concat();
            assert!(is_turned(&jpeg_with_exif(block.clone(), &pixels, 16, 16)), "{block:?}");
            assert!(is_turned(&with_chunk(&png, b"eXIf", &block, false)), "{block:?}");
            assert!(is_turned(&with_exif(b"EXIF", &block)), "{block:?}");
        }
        // As ImageMagick writes it.
        let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("Raw profile type exif\0\nexif\n{:8}\n{hex}\n", plain.len());
        assert!(is_turned(&with_chunk(&png, b"tEXt", text.as_bytes(), false)));
        // EXIF that says nothing, and damage behind what it says.
        let cut = &plain[..plain.len() - 4];
        assert!(is_turned(&with_exif(b"EXIF", cut)));
    }
    for xmp in ["<x tiff:Orientation=\"6\"/>", "<tiff:Orientation>6</tiff:Orientation>"] {
        assert!(is_turned(&with_exif(b"XMP ", xmp.as_bytes())));
        let itxt = [b"XML:com.adobe.xmp\0\0\0\0\0", xmp.as_bytes()].concat();
        assert!(is_turned(&with_chunk(&png, b"iTXt", &itxt, true)));
        let jpeg = jpeg_with_exif(quarter(true, 3), &pixels, 16, 16);
        let upright = encode(ImageFormat::Jpeg, &pixels, 16, 16, Color::L8);
        let app1 = [b"http://ns.adobe.com/xap/1.0/\0", xmp.as_bytes()].concat();
        let length = (app1.len() as u16 + 2).to_be_bytes();
        let file = [&upright[..2], &[0xff, 0xe1], &length, &app1, &upright[2..]].concat();
        assert!(is_turned(&file) && is_turned(&jpeg) && !is_turned(&upright));
    }
}

#[test]
fn another_kind_of_file_is_named() {
    for (start, name) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0"[..], "a HEIC photo: save it as"),
        (b"\0\0\0\x1cftypavif", "an AVIF picture: save"),
        (b"\0\0\0\x1cftypisom", "a video"),
        (b"II*\0\x08\0\0\0", "a TIFF picture"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\n <HTML>", "a web page"),
        (b"<?xml version=\"1.0\"?>\n<svg xmlns", "an SVG drawing"),
        (b"%PDF-1.4", "a PDF file"),
        (b"PK\x03\x04\x14\0", "a file of type application/zip"),
        (b"\0\x05\x16\x07\0\x02", "a companion file of macOS"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"BMW and other words", "a text file"),
        (&[0; 5000], "nothing but zeros"),
    ] {
        match decode_bytes(start, 8) {
            Err(Skip::OtherKind(kind)) => assert!(kind.starts_with(name), "{kind}"),
            answer => panic!("{name}: {answer:?}"),
        }
    }
}

#[test]
fn a_small_first_frame_lies_on_the_background() {
    // One pixel of colour 0 at 1,1 on a canvas of 2 x 2, whose background is colour 1.
    let mut gif = b"GIF89a\x02\0\x02\0\x80\x01\0\x0a\x0a\x0a\xc8\xc8\xc8".to_vec();
    gif.extend(b",\x01\0\x01\0\x01\0\x01\0\0\x02\x02\x44\x01\0;");
    assert_eq!(decode_bytes(&gif, 2), Ok(vec![200, 200, 200, 10]));
    // The background of what is transparent is that colour.
    let mut clear = gif.clone();
    clear.splice(19..19, b"!\xf9\x04\x01\0\0\0\0".iter().copied());
    assert_eq!(decode_bytes(&clear, 2), Ok(vec![10; 4]));
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.jpg");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero"), dir.path()] {
        assert!(matches!(decode_file(path, 8), Err(Skip::Unreadable(_))), "{path:?}");
    }
    // A regular file, and whoever reads it waits for the system's messages.
    #[cfg(target_os = "linux")]
    assert!(matches!(decode_file(Path::new("/proc/kmsg"), 8), Err(Skip::Empty | Skip::Unreadable(_))));
    let link = dir.path().join("link.png");
    std::os::unix::fs::symlink(put(dir.path(), "a.bin", &gray_png(&[9], 1, 1)), &link).unwrap();
    assert_eq!(decode_file(&link, 1), Ok(vec![9]));
}

/// A small file whose scans would be decoded for minutes.
#[test]
fn a_jpeg_of_too_many_scans_is_refused_at_once() {
    let file = |scans: usize| {
        let mut file = b"\xff\xd8\xff\xc2\0\x0b\x08\x2e\xe0\x2e\xe0\x01\x01\x11\0".to_vec();
        file.extend(b"\xff\xda\0\x08\x01\x01\0\x01\x3f\x01\0".repeat(scans));
        // All that is missing, so that the picture is whole.
        file.extend(b"\xff\xda\0\x08\x01\x01\0\0\0\0\0\xff\xda\0\x08\x01\x01\0\x01\x3f\0\0\xff\xd9");
        file
    };
    // Each visits all blocks of a picture of 12,000 x 12,000.
    let why = decode_bytes(&file(60), 8).unwrap_err();
    assert!(matches!(&why, Skip::Unsupported(why) if why.contains("many scans")), "{why}");
    assert!(!matches!(decode_bytes(&file(50), 8), Err(Skip::Unsupported(_))));
}
