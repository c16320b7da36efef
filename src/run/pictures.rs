//! The pictures of a run, and what is said of them before it begins.

use crate::data::{self, Folder, PassedFolder, Pictures, Raster, Reason, Skipped, concerns, tally};
use crate::error::{Result, count, error, list, path_text, shown, shown_path};
use crate::memory;
use crate::train::Progress;
use serde_json::{Value, json};
use std::collections::HashSet;

/// The files that are not used, in a run's folder.
pub const SKIPPED_FILE: &str = "skipped.csv";

/// All pictures of a folder, decoded now or earlier; says what was found and what was passed over.
///
/// # Errors
/// As [`data::load`].
pub fn load_pictures(folder: &Folder, raster: Raster, progress: &mut dyn Progress) -> Result<Pictures> {
    let pictures = load(folder, raster, progress)?;
    let said = describe(folder, &pictures).join("\n");
    match pictures.skipped.iter().all(|file| file.reason.is_usual()) {
        true => progress.message(&said),
        false => progress.warning(&said),
    }
    Ok(pictures)
}

/// What a run trains and tests on.
pub struct Loaded {
    pub training: Pictures,
    pub test: Pictures,
    /// The text of [`SKIPPED_FILE`], where files are not used.
    pub skipped: Option<String>,
}

/// The pictures of a training and a test folder; or those of one folder, of which this share is kept to test on.
///
/// # Errors
/// `Data` for pictures that cannot be used, and for a class that cannot be split; `OutOfMemory`.
pub fn load_sets(
    folders: &[Folder],
    raster: Raster,
    split: Option<f64>,
    progress: &mut dyn Progress,
) -> Result<Loaded> {
    let load = |folder| load_pictures(folder, raster, progress);
    let loaded = folders.iter().map(load).collect::<Result<Vec<_>>>()?;
    let sets: Vec<_> = folders.iter().zip(&loaded).collect();
    say_concerns(&sets, progress);
    let skipped = skipped_csv(&sets)?;
    let mut sets = loaded.into_iter();
    let mut training = sets.next().expect("there is a training folder");
    let Some(share) = split else {
        return Ok(Loaded { training, test: sets.next().expect("there is a test folder"), skipped });
    };
    let test = training.split(share)?;
    let all = count(training.len() + test.len(), "picture");
    progress.message(&format!("Kept from training, to test on: {} of {all}", test.len()));
    Ok(Loaded { training, test, skipped })
}

/// [`data::load`], of which is said how far it is.
///
/// # Errors
/// As [`data::load`].
pub fn load(folder: &Folder, raster: Raster, progress: &mut dyn Progress) -> Result<Pictures> {
    let decoded = progress.decoding(&folder.root, folder.files.len());
    data::load(folder, raster, &|done, _total| decoded(done))
}

/// Whether the memory takes the pictures of these folders made into this, all together; of which a share is kept from training.
///
/// # Errors
/// `OutOfMemory` with the numbers.
pub fn must_fit(folders: &[&Folder], raster: Raster, split: Option<f64>) -> Result<()> {
    let pictures: usize = folders.iter().map(|folder| folder.files.len()).sum();
    let roots: Vec<_> = folders.iter().map(|folder| shown_path(&folder.root)).collect();
    let what = format!("decoding {} of {} at {raster}", count(pictures, "picture"), roots.join(" and "));
    memory::check(&what, &[memory::of_pictures(data::at_once(pictures, split), raster)])
}

/// What was found in a folder and what was passed over, as lines for a person.
pub fn describe(folder: &Folder, pictures: &Pictures) -> Vec<String> {
    let root = shown_path(&folder.root);
    let counts = pictures.classes.iter().zip(pictures.counts());
    let counts: Vec<_> = counts.map(|(class, count)| format!("{class} {count}")).collect();
    let found = count(pictures.len(), "picture");
    let mut lines = vec![format!("Found {found} in {root}: {}", list(&counts))];
    lines.extend(folders_line(&folder.passed_folders));
    let skipped = &pictures.skipped;
    if !skipped.is_empty() {
        let files = count(skipped.len() + pictures.len(), "file");
        lines.push(format!("Passed over {} of {files} there:", skipped.len()));
        lines.push(by_reason(skipped));
    }
    lines
}

/// What a picture of each class counts in the loss.
pub fn weights_line(classes: &[String], weights: &[f32]) -> String {
    let named: Vec<_> =
        classes.iter().zip(weights).map(|(class, weight)| format!("{class} {weight:.3}")).collect();
    format!("A picture counts in the loss: {}", list(&named))
}

/// Folders that were passed over; `None` where there are none.
pub fn folders_line(folders: &[PassedFolder]) -> Option<String> {
    let named = |folder: &PassedFolder| format!("{} ({})", shown_path(&folder.path), folder.why);
    let named: Vec<_> = folders.iter().map(named).collect();
    let folders = count(named.len(), "folder");
    (!named.is_empty()).then(|| format!("Passed over {folders}: {}", named.join(", ")))
}

/// The same for a program.
pub fn passed_folders(folder: &Folder) -> Vec<Value> {
    let passed = |passed: &PassedFolder| json!({"path": path_text(&passed.path), "reason": passed.why});
    folder.passed_folders.iter().map(passed).collect()
}

/// The same as [`describe`] for a program.
pub fn report(folder: &Folder, pictures: &Pictures) -> Value {
    let classes = pictures.classes.iter().zip(pictures.counts());
    let classes = classes.map(|(name, pictures)| json!({"name": name, "pictures": pictures}));
    let skipped = &pictures.skipped;
    let reasons = tally(skipped).0;
    let reasons = reasons.iter().map(|Reason { kind, files }| json!({"reason": kind, "files": files.len()}));
    let listed = skipped
        .iter()
        .map(|Skipped { path, reason }| json!({"path": path_text(path), "reason": reason.to_string()}));
    json!({
        "folder": path_text(&folder.root), "files": pictures.len() + skipped.len(), "usable": pictures.len(),
        "classes": classes.collect::<Vec<_>>(), "passed_folders": passed_folders(folder),
        "reasons": reasons.collect::<Vec<_>>(), "skipped": listed.collect::<Vec<_>>(),
    })
}

/// Files counted by reason, each with some examples.
pub fn by_reason(skipped: &[Skipped]) -> String {
    /// Most files that are named of a reason.
    const NAMED: usize = 3;
    let mut lines = Vec::new();
    for Reason { kind, files } in tally(skipped).0 {
        lines.push(format!("  {} × {}", files.len(), shown(&kind)));
        lines.extend(files.iter().take(NAMED).map(|file| match file.reason.to_string() {
            reason if reason == kind => format!("      {}", shown_path(&file.path)),
            _ => format!("      {file}"),
        }));
        if files.len() > NAMED {
            lines.push(format!("      … and {} more", files.len() - NAMED));
        }
    }
    lines.join("\n")
}

/// Says what is odd about the pictures that a run will use.
fn say_concerns(sets: &[(&Folder, &Pictures)], progress: &mut dyn Progress) {
    for concern in concerns(sets) {
        progress.warning(&format!("Note: {concern}"));
    }
}

/// The text of [`SKIPPED_FILE`]: path and reason of each file that is not used; `None` where all are.
///
/// # Errors
/// `Other` where the text cannot be made.
fn skipped_csv(sets: &[(&Folder, &Pictures)]) -> Result<Option<String>> {
    let failed = |why: csv::Error| error!(Other, "the list of skipped files cannot be written: {why}");
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["path", "reason"]).map_err(failed)?;
    // Both sets may be the same folder.
    let mut listed = HashSet::new();
    for (folder, pictures) in sets {
        for Skipped { path, reason } in &pictures.skipped {
            let path = folder.root.join(path);
            if listed.insert(path.clone()) {
                table.write_record([path_text(&path), reason.to_string()]).map_err(failed)?;
            }
        }
    }
    let bytes = table.into_inner().map_err(|why| failed(why.into_error().into()))?;
    let text = String::from_utf8(bytes).map_err(|why| error!(Other, "{why}"))?;
    Ok((!listed.is_empty()).then_some(text))
}
