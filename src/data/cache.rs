//! Decoded pictures on disk: the second run on a folder reads bytes instead of decoding files.
//!
//! A file of the cache holds all pictures of one folder at one size and in one colour. Its name is a hash of everything that the pixels
//! depend on: the content and place of every file, the size, the colour, and the code that decodes. Whatever changes, another file
//! is looked for; none is ever wrong, and all may be deleted at any time.

use super::folder::{Folder, PictureFile};
use super::opened::Opened;
use super::pictures::{Decoding, Pictures, Raster};
use super::regular::open_regular;
use super::skip::{Skip, Skipped};
use super::walk::{GoOn, stopped};
use crate::error::Result;
use atomic_write_file::AtomicWriteFile;
use blake3::{Hash, Hasher};
use rayon::prelude::*;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What decoding does depends on this source, and on the crates that it uses.
const CODE: [&str; 15] = [
    include_str!("decode/mod.rs"),
    include_str!("decode/bmp.rs"),
    include_str!("decode/gif.rs"),
    include_str!("decode/color.rs"),
    include_str!("decode/jpeg/dct.rs"),
    include_str!("decode/jpeg/frame.rs"),
    include_str!("decode/jpeg/libjpeg.rs"),
    include_str!("decode/jpeg/mod.rs"),
    include_str!("decode/jpeg/rows.rs"),
    include_str!("decode/kind.rs"),
    include_str!("decode/orientation.rs"),
    include_str!("decode/png.rs"),
    include_str!("decode/webp.rs"),
    include_str!("resize.rs"),
    include_str!("../../Cargo.lock"),
];
/// Bytes that the folder may hold; what was used longest ago goes first.
const MOST: u64 = 4 << 30;
/// Bytes that it leaves free on its disk.
const LEFT: u64 = 512 << 20;
const HASH: usize = blake3::OUT_LEN;
/// Bytes that are read, hashed or written before it is asked whether to go on: those of some milliseconds.
const PIECE: usize = 8 << 20;

/// All pictures of a folder, made into `raster`: from the user's cache, where there is one, or decoded now.
///
/// # Errors
/// As [`Pictures::load`].
pub fn load(folder: &Folder, raster: impl Into<Raster>, progress: &Decoding) -> Result<Pictures> {
    match Cache::of_user() {
        Some(cache) => cache.load(folder, raster, progress),
        None => Pictures::load(folder, raster, progress),
    }
}

/// A folder of decoded pictures.
pub struct Cache {
    folder: PathBuf,
    most: u64,
}

impl Cache {
    /// In the user's cache folder; `None` where there is no such folder.
    pub fn of_user() -> Option<Cache> {
        Some(Cache::new(&dirs::cache_dir()?.join("pawgrad").join("pictures"), MOST))
    }

    /// In `folder`, which is made when it is needed, for at most `most` bytes.
    pub fn new(folder: &Path, most: u64) -> Cache {
        Cache { folder: folder.to_path_buf(), most }
    }

    /// [`Pictures::load`], from the cache if they are there; else they are there the next time. A cache that cannot be
    /// written, or was damaged, only costs time.
    ///
    /// # Errors
    /// As [`Pictures::load`].
    pub fn load(&self, folder: &Folder, raster: impl Into<Raster>, progress: &Decoding) -> Result<Pictures> {
        let raster = raster.into();
        // Reading all files can take as long as decoding them.
        let total = folder.files.len();
        let key_before = key(folder, raster, &|| progress(0, total)).ok_or_else(stopped)?;
        let path = self.folder.join(format!("{}.pictures", key_before.to_hex()));
        // One that was not read to its end is decoded, which ends at once for the same reason.
        if let Some(pictures) = read(&path, &key_before, folder, raster, &|| progress(0, total)) {
            return Ok(pictures);
        }
        let pictures = Pictures::load(folder, raster, progress)?;
        let reasons = reasons(folder, &pictures);
        // What could not be read may be readable the next time, and what changed meanwhile is not what the key says.
        if !reasons.iter().any(|reason| matches!(reason, Some(Skip::Unreadable(_))))
            && key(folder, raster, &|| progress(total, total)) == Some(key_before)
        {
            let go_on: GoOn = &|| progress(total, total);
            let _ = self.write(&path, &key_before, &reasons, &pictures.pixels, go_on);
        }
        Ok(pictures)
    }

    /// Hash of the key and of what follows, length of the list of reasons, for each file why it was skipped if it was (JSON),
    /// pixels.
    fn write(
        &self,
        path: &Path,
        key: &Hash,
        reasons: &[Option<&Skip>],
        pixels: &[u8],
        go_on: GoOn,
    ) -> io::Result<()> {
        let reasons = serde_json::to_vec(reasons)?;
        let len = (reasons.len() as u64).to_le_bytes();
        let bytes = (HASH + len.len() + reasons.len() + pixels.len()) as u64;
        if bytes > self.most {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        self.make_room(bytes)?;
        // The disk is there for what cannot be made again.
        if fs4::available_space(&self.folder)? < bytes + LEFT {
            return Ok(());
        }
        let Some(hash) = hash_of(&[key.as_bytes(), &len, &reasons, pixels], go_on) else { return Ok(()) };
        let mut file = AtomicWriteFile::open(path)?;
        for part in [hash.as_bytes(), &len[..], &reasons, pixels].iter().flat_map(|part| part.chunks(PIECE)) {
            if !go_on() {
                return Ok(());
            }
            file.write_all(part)?;
        }
        file.commit()
    }

    /// Deletes what was used longest ago until there is room for so many bytes.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            if !about.is_file() {
                continue;
            }
            files.push((about.modified()?, about.len(), entry.path()));
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in files {
            if total + bytes <= self.most {
                break;
            }
            fs::remove_file(path)?;
            total -= len;
        }
        Ok(())
    }
}

/// For each file of the folder why it is not among the pictures, if so.
fn reasons<'a>(folder: &Folder, pictures: &'a Pictures) -> Vec<Option<&'a Skip>> {
    let reasons: HashMap<&Path, &Skip> =
        pictures.skipped.iter().map(|Skipped { path, reason }| (&**path, reason)).collect();
    folder.files.iter().map(|file| reasons.get(&*file.path).copied()).collect()
}

/// The hash of all that the pixels depend on; `None` where it was not to `go_on`.
fn key(folder: &Folder, raster: Raster, go_on: GoOn) -> Option<Hash> {
    let content = |file: &PictureFile| {
        let hash = || {
            let picture = Opened::open(&folder.root.join(&file.path)).map_err(|why| why.to_string())?;
            let mut hasher = Hasher::new();
            hasher.update(&picture.start);
            hasher.update_reader(picture.rest).map_err(|why| why.to_string())?;
            Ok(hasher.finalize())
        };
        // What cannot be a picture will be skipped for this reason.
        go_on().then(|| hash().unwrap_or_else(|why: String| blake3::hash(why.as_bytes())))
    };
    let contents: Vec<Hash> = folder.files.par_iter().map(content).collect::<Option<_>>()?;
    let mut hasher = Hasher::new();
    for code in CODE {
        hasher.update(blake3::hash(code.as_bytes()).as_bytes());
    }
    for number in [raster.size, raster.color.channels()] {
        hasher.update(&(number as u64).to_le_bytes());
    }
    for (file, content) in folder.files.iter().zip(contents) {
        hasher.update(blake3::hash(file.path.as_os_str().as_encoded_bytes()).as_bytes());
        hasher.update(content.as_bytes());
    }
    Some(hasher.finalize())
}

/// The pictures in a file of the cache; `None` where there is none, or not a whole one, or it was not to `go_on`.
fn read(path: &Path, key: &Hash, folder: &Folder, raster: Raster, go_on: GoOn) -> Option<Pictures> {
    let (mut file, bytes) = open_regular(path).ok()?;
    let mut hash = [0; HASH];
    file.read_exact(&mut hash).ok()?;
    let mut len = [0; 8];
    file.read_exact(&mut len).ok()?;
    let reasons_len = usize::try_from(u64::from_le_bytes(len)).ok()?;
    let mut rest = Vec::new();
    // No more than the pictures can take: the file of a cache is as likely damaged as any other.
    let most = (folder.files.len() * raster.bytes()).checked_add(reasons_len)?;
    if bytes > most as u64 + (HASH + len.len()) as u64 {
        return None;
    }
    rest.try_reserve_exact(usize::try_from(bytes).ok()?).ok()?;
    let mut file = file.take(bytes);
    while go_on() && (&mut file).take(PIECE as u64).read_to_end(&mut rest).ok()? > 0 {}
    let (reasons, pixels) = rest.split_at_checked(reasons_len)?;
    if hash_of(&[key.as_bytes(), &len, reasons, pixels], go_on)? != hash {
        return None;
    }
    let reasons: Vec<Option<Skip>> = serde_json::from_slice(reasons).ok()?;
    rest.drain(..reasons_len);
    // Used now: the last to be deleted.
    let used = File::options().write(true).open(path);
    let _ = used.and_then(|file| file.set_modified(SystemTime::now()));
    Some(Pictures::new(folder, raster, rest, reasons))
}

/// `None` where it was not to `go_on`.
fn hash_of(parts: &[&[u8]], go_on: GoOn) -> Option<Hash> {
    let mut hasher = Hasher::new();
    for part in parts.iter().flat_map(|part| part.chunks(PIECE)) {
        if !go_on() {
            return None;
        }
        hasher.update_rayon(part);
    }
    Some(hasher.finalize())
}
