//! Folders that no person made: what systems, archives and editors leave beside pictures.

/// Names in lower case, and what they are.
const FOLDERS: [(&str, &str); 22] = [
    ("__macosx", "what macOS adds to archives"),
    ("network trash folder", "a trash folder of macOS"),
    ("temporary items", "a folder of macOS"),
    ("@eadir", "thumbnails of a Synology NAS"),
    ("@tmp", "a folder of a Synology NAS"),
    ("@sharesnap", "snapshots of a Synology NAS"),
    ("#snapshot", "snapshots of a Synology NAS"),
    ("#recycle", "a trash folder of a Synology NAS"),
    ("@recycle", "a trash folder of a QNAP NAS"),
    ("@recently-snapshot", "snapshots of a QNAP NAS"),
    ("@__thumb", "thumbnails of a QNAP NAS"),
    ("~snapshot", "snapshots of a NAS"),
    ("$recycle.bin", "a trash folder of Windows"),
    ("recycler", "a trash folder of Windows"),
    ("recycled", "a trash folder of Windows"),
    ("system volume information", "a folder of Windows"),
    ("lost+found", "what a repair of the disk left"),
    ("__pycache__", "a cache of Python"),
    ("cvs", "a folder of CVS"),
    ("_gsdata_", "a folder of GoodSync"),
    ("[originals]", "backups of ACDSee"),
    ("captureone", "a cache of Capture One"),
];

/// Ends of names in lower case, and what they are.
const ENDS: [(&str, &str); 3] = [
    (".lrdata", "previews of Lightroom"),
    (".photoslibrary", "a library of Apple Photos"),
    (".aplibrary", "a library of Aperture"),
];

/// What a folder of this name is, where it is one that no person made.
pub fn leftover(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    // What a repair on Windows found: FOUND.000, FOUND.001 …
    let repaired =
        name.strip_prefix("found.").is_some_and(|number| number.len() == 3 && number.parse::<u32>().is_ok());
    if repaired {
        return Some("what a repair of the disk left");
    }
    let of_name = FOLDERS.iter().find(|(known, _)| *known == name);
    let of_end = || ENDS.iter().find(|(end, _)| name.ends_with(end));
    of_name.or_else(of_end).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_systems_are_known_in_any_case_and_classes_are_not() {
        for name in
            ["__MACOSX", "@eaDir", "$RECYCLE.BIN", "FOUND.002", "Wedding Previews.lrdata", "lost+found"]
        {
            assert!(leftover(name).is_some(), "{name}");
        }
        for name in ["cats", "trash", "recycle", "found.dog", "found.1", "thumbs", "lrdata", "macosx"] {
            assert_eq!(leftover(name), None, "{name}");
        }
    }
}
