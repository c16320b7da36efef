//! What no person made: what systems, archives and editors leave beside pictures. Names that may be classes, such as `recycled`,
//! are none of it.

/// Names of folders in lower case, and what they are.
const FOLDERS: [(&str, &str); 27] = [
    ("__macosx", "what macOS adds to archives"),
    ("_macosx", "what macOS adds to archives"),
    ("network trash folder", "a trash folder of macOS"),
    ("temporary items", "a folder of macOS"),
    ("thevolumesettingsfolder", "a folder of macOS"),
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
    ("$winreagent", "a folder of Windows"),
    ("$sysreset", "a folder of Windows"),
    ("$windows.~bt", "a folder of Windows"),
    ("$windows.~ws", "a folder of Windows"),
    ("msdownld.tmp", "a folder of Windows"),
    ("system volume information", "a folder of Windows"),
    ("lost+found", "what a repair of the disk left"),
    ("lost.dir", "what a repair of the disk left"),
    ("__pycache__", "a cache of Python"),
    ("node_modules", "packages of Node.js"),
    ("_gsdata_", "a folder of GoodSync"),
    ("[originals]", "backups of ACDSee"),
];

/// Beginnings and ends of names of folders in lower case, and what they are.
const BEGINNINGS: [(&str, &str); 3] = [
    ("__macosx ", "what macOS adds to archives"),
    ("@app", "a folder of a Synology NAS"),
    ("@synology", "a folder of a Synology NAS"),
];
const ENDS: [(&str, &str); 5] = [
    (".lrdata", "previews of Lightroom"),
    (".lrcat-data", "a catalogue of Lightroom"),
    (".photoslibrary", "a library of Apple Photos"),
    (".migratedphotolibrary", "a library of iPhoto"),
    (".aplibrary", "a library of Aperture"),
];

/// Names of files in lower case, and what they are where they are no pictures.
const FILES: [(&str, &str); 8] = [
    ("thumbs.db", "thumbnails of Windows"),
    ("ehthumbs.db", "thumbnails of Windows"),
    ("ehthumbs_vista.db", "thumbnails of Windows"),
    ("desktop.ini", "settings of a folder of Windows"),
    ("icon\r", "the icon of a folder of macOS"),
    ("picasa.ini", "notes of Picasa"),
    ("zbthumbnail.info", "thumbnails of ZoomBrowser"),
    ("_ds_store", "settings of a folder of macOS"),
];

/// What a file of this name is, where it is no picture, and no person made it.
pub fn leftover_file(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    FILES.iter().find(|(known, _)| *known == name).map(|(_, what)| *what)
}

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
    let of_beginning = || BEGINNINGS.iter().find(|(beginning, _)| name.starts_with(beginning));
    let of_end = || ENDS.iter().find(|(end, _)| name.ends_with(end));
    of_name.or_else(of_beginning).or_else(of_end).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_systems_are_known_in_any_case_and_classes_are_not() {
        for name in [
            "__MACOSX",
            "@eaDir",
            "$RECYCLE.BIN",
            "FOUND.002",
            "Wedding Previews.lrdata",
            "lost+found",
            "__MACOSX 2",
        ] {
            assert!(leftover(name).is_some(), "{name}");
        }
        for name in ["cats", "trash", "Recycled", "found.dog", "found.1", "thumbs", "lrdata", "macosx", "$5"]
        {
            assert_eq!(leftover(name), None, "{name}");
        }
    }
}
