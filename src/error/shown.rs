//! Words of others in messages: names of files, classes and tensors, what a parser says of a file. A terminal obeys what is
//! written to it, and a reader believes lines that look like ours.

use std::borrow::Cow;
use std::fmt::{Display, Write};
use std::path::{Path, PathBuf};

/// Characters of a text that are shown.
const MOST: usize = 300;
/// Names of a list that are shown.
const LISTED: usize = 10;

/// A text of somebody else for a message of one line: what would move the cursor, change colours, begin a line or turn the
/// direction of writing is spelled out, and of a long text the middle is left out.
pub fn shown(text: impl Display) -> String {
    let text = text.to_string();
    let count = text.chars().count();
    let mut short = String::new();
    for (index, c) in text.chars().enumerate() {
        if count > MOST && index == MOST / 2 {
            short.push('…');
        }
        if count <= MOST || index < MOST / 2 || index >= count - MOST / 2 {
            short.push(c);
        }
    }
    let mut safe = escape(&short).into_owned();
    for (c, spelled) in [('\n', "\\n"), ('\t', "\\t")] {
        safe = safe.replace(c, spelled);
    }
    safe
}

/// A path as [`shown`].
pub fn shown_path(path: &Path) -> String {
    shown(path_text(path))
}

/// A path as text, from which it can be told again: two paths never give the same text.
///
/// Bytes that are no UTF-8 become `\xff`, in two hexadecimal digits; in a path of such bytes, or of text that looks like them,
/// backslashes are doubled.
pub fn path_text(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let is_escape = |part: &[u8]| {
        part.starts_with(b"\\x") && part[2..].iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    };
    if let Ok(text) = str::from_utf8(bytes)
        && !bytes.windows(4).any(is_escape)
    {
        return text.to_string();
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text += &chunk.valid().replace('\\', "\\\\");
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

/// The path that [`path_text`] made a text of.
pub fn path_of_text(text: &str) -> PathBuf {
    // Bytes are written as text only where there are some that are no text, or that look as if they were written so.
    let escape = |part: &[u8]| match part {
        [b'\\', b'x', digits @ ..] if digits.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) => {
            u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
        }
        _ => None,
    };
    if !text.as_bytes().windows(4).any(|part| escape(part).is_some()) {
        return text.into();
    }
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        let (byte, taken) = match (rest.get(..4).and_then(escape), rest) {
            (Some(byte), _) => (byte, 4),
            (None, [b'\\', b'\\', ..]) => (b'\\', 2),
            _ => (first, rest.len() - behind.len()),
        };
        bytes.push(byte);
        rest = &rest[taken..];
    }
    path_of_bytes(bytes)
}

#[cfg(unix)]
fn path_of_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

/// Names are text there, or cannot be told again.
#[cfg(not(unix))]
fn path_of_bytes(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// `1 picture`, `2 pictures`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Names one after the other, each as [`shown`], and of many the first.
pub fn list(names: &[String]) -> String {
    let mut text = names.iter().take(LISTED).map(shown).collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        let _ = write!(text, " and {} more", names.len() - LISTED);
    }
    text
}

/// A text in which a terminal finds nothing to obey, but for new lines and tabs. It is spelled as in JSON, so that a JSON
/// text stays one, with the same values.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::new();
    for c in text.chars() {
        match is_obeyed(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| safe += &format!("\\u{unit:04x}")),
            false => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Control characters, and those that Unicode has for the direction of writing, for lines, and for nothing to be seen.
fn is_obeyed(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // Marks of direction, embeddings, overrides, isolates; separators of lines and paragraphs; what has no width
        // (but for what joins letters, which scripts need); tags, which are invisible copies of ASCII.
        '\u{61c}'
        | '\u{200b}'
        | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => c.is_control(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn two_paths_never_have_the_same_text() {
        let text = |path: &[u8]| path_text(Path::new(OsStr::from_bytes(path)));
        for same in ["cats/a.jpg", "ä ö", r"C:\cats\dogs", "a\nb", r"\xf"] {
            assert_eq!(text(same.as_bytes()), same);
        }
        assert_eq!(text(b"cats/\xff\xfe.jpg"), r"cats/\xff\xfe.jpg");
        assert_eq!(text(br"cats/\xff.jpg"), r"cats/\\xff.jpg");
        // All names of up to five bytes that are made of what matters.
        let parts = [&b"\\"[..], b"x", b"f", b"\xff", b"\xc3\xa4"];
        let mut names = vec![Vec::new()];
        for _ in 0..5 {
            let longer = names.iter().flat_map(|name| parts.iter().map(move |part| [name, *part].concat()));
            names = names.iter().cloned().chain(longer).collect();
            names.sort();
            names.dedup();
        }
        for name in &names {
            assert_eq!(path_of_text(&text(name)), Path::new(OsStr::from_bytes(name)), "{}", text(name));
        }
        let mut texts: Vec<String> = names.iter().map(|name| text(name)).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), names.len());
    }
}
