//! Tables of rungs as files: what `pawgrad tune` found, in the user's cache folder, and what a run took, in its own.

use crate::device::{Device, Precision, RungTable};
use crate::error::{Remedy, Result, error, shown, shown_path};
use crate::files::{read_text, replace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rungs for one adapter with one driver, in one precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    pub adapter: String,
    pub driver: String,
    /// Missing for f32.
    #[serde(default, skip_serializing_if = "is_f32")]
    pub precision: Precision,
    /// Rung by kernel, fingerprint of its shaders, and sizes.
    pub rungs: RungTable,
}

/// Most bytes of a table: a person could have written it.
const MAX_TEXT: u64 = 1 << 20;

/// Begins the first line of what is stored; the hash of all other lines follows.
const CHECKSUM: &str = "# blake3 ";

impl Tuning {
    pub fn new(device: &Device, rungs: RungTable) -> Tuning {
        let (adapter, driver) = (device.name().to_string(), device.driver().to_string());
        Tuning { adapter, driver, precision: device.precision(), rungs }
    }

    /// The kernels of the table that are not among `known`: other shaders made it.
    pub fn unknown<'a>(&'a self, known: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
        self.rungs.keys().map(|key| kernel_of(key)).filter(|kernel| !known.contains(*kernel))
    }

    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a tuning is plain data")
    }

    /// Reads a file.
    ///
    /// # Errors
    /// `Usage` where it is none, or was made for another adapter, driver or precision than `device`.
    pub fn read(path: &Path, device: &Device) -> Result<Tuning> {
        let text = read_text(path, MAX_TEXT)
            .map_err(|why| error!(Usage, "the tuning {} cannot be read: {why}", shown_path(path)))
            .map_err(|why| why.with(Remedy::OtherTuning))?;
        let unusable = |why: String| error!(Usage, "{} {why}", shown_path(path)).with(Remedy::OtherTuning);
        // What a person wrote, or the folder of a run holds, has none.
        if let Some((checksum, table)) = text.strip_prefix(CHECKSUM).and_then(|text| text.split_once('\n'))
            && checksum != blake3::hash(table.as_bytes()).to_string()
        {
            return Err(unusable("is damaged: its checksum differs".to_string()));
        }
        let tuning: Tuning = toml::from_str(&text).map_err(|why| {
            unusable(format!(
                "is no table of rungs, such as rungs.toml in the folder of a run: {}",
                shown(why)
            ))
        })?;
        let Tuning { adapter, driver, precision, .. } = &tuning;
        if adapter != device.name() || driver != device.driver() {
            let (name, its_driver) = (device.name(), device.driver());
            return Err(unusable(format!(
                "was made for {} ({}), not for {name} ({its_driver})",
                shown(adapter),
                shown(driver)
            )));
        }
        // Mixed precision has rungs of its own: with a table of f32, a run would be mixed in name only.
        if *precision != device.precision() {
            let message = format!("was made for the precision {precision}, not for {}", device.precision());
            return Err(unusable(message).with(Remedy::TunedPrecision));
        }
        Ok(tuning)
    }

    /// Reads what `pawgrad tune` stored for `device`; `None` where it has not run.
    ///
    /// # Errors
    /// `Usage` where the file is damaged.
    pub fn stored(device: &Device) -> Result<Option<Tuning>> {
        match Tuning::path(device) {
            Ok(path) if path.exists() => Tuning::read(&path, device).map(Some).map_err(|why| {
                let message = format!("the stored tuning cannot be used: {}", why.message);
                why.saying(message)
            }),
            _ => Ok(None),
        }
    }

    /// Stores the tuning in the user's cache folder.
    ///
    /// # Errors
    /// `Write` where there is no such folder, or it cannot be written.
    pub fn store(&self, device: &Device) -> Result<()> {
        let path = Tuning::path(device)?;
        let folder = path.parent().expect("it lies in the cache folder");
        fs::create_dir_all(folder)
            .map_err(|why| error!(Write, "{} cannot be made: {why}", shown_path(folder)))?;
        let table = self.to_toml();
        replace(&path, format!("{CHECKSUM}{}\n{table}", blake3::hash(table.as_bytes())).as_bytes())
    }

    /// The file in the user's cache folder for this adapter, driver and precision.
    ///
    /// # Errors
    /// `Write` where there is no such folder.
    pub fn path(device: &Device) -> Result<PathBuf> {
        let cache = dirs::cache_dir().ok_or_else(|| {
            error!(Write, "there is no cache folder for the tuning: set HOME or XDG_CACHE_HOME")
        })?;
        let mut adapter = format!("{}\n{}", device.name(), device.driver());
        if !is_f32(&device.precision()) {
            adapter += &format!("\n{}", device.precision());
        }
        let hash = blake3::hash(adapter.as_bytes());
        let name: String =
            device.name().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(32).collect();
        Ok(cache.join("pawgrad").join("tuning").join(format!("{name}-{}.toml", &hash.to_hex()[..8])))
    }
}

/// The name and fingerprint with which a key begins.
pub fn kernel_of(key: &str) -> &str {
    key.split(' ').next().unwrap_or_default()
}

fn is_f32(precision: &Precision) -> bool {
    *precision == Precision::F32
}
