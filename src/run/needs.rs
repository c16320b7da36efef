//! Whether there is memory and disk enough for a run, before either is taken.

use crate::data::{self, Folder, Raster};
use crate::device::Device;
use crate::error::{Remedy, Result};
use crate::files::check_room;
use crate::memory;
use crate::model::network::MIN_IMAGE_SIZE;
use crate::model::{Model, Network, Placed};
use crate::train::plan::Plan;
use crate::train::settings::Settings;
use std::path::Path;

/// What a run takes follows from these.
pub struct Needs<'a> {
    pub settings: &'a Settings,
    pub device: &'a Device,
    pub seed: u64,
    /// Training pictures first.
    pub folders: &'a [Folder],
}

impl Needs<'_> {
    /// Pictures of the largest batch.
    fn most(&self) -> usize {
        self.settings.batch_size.min(self.folders[0].files.len())
    }

    /// # Errors
    /// `OutOfMemory` with the numbers, and with the size of pictures that would fit, where the network takes others.
    pub fn check_memory(&self, image_size: usize, network: &dyn Fn(usize) -> Result<Network>) -> Result<()> {
        let Needs { settings, device, seed, folders } = self;
        let most = self.most();
        let files: usize = folders.iter().map(|folder| folder.files.len()).sum();
        let at_once = data::at_once(files, settings.validation_split);
        // On paper first: an allocation that fails, or one too many, would end more than this run.
        let needs = |size: usize| {
            let paper = Device::on_paper(*device.limits());
            let paper = Model::new(network(size)?, &paper, *seed, !settings.no_fuse)?;
            let plan = Plan::new(&paper, device.limits(), most, settings.micro_batch)?;
            let plan = settings.recipe.plan(plan, &paper);
            let mut needs = memory::of_training(&paper, &plan);
            needs.push(memory::of_pictures(at_once, Raster { size, color: settings.color }));
            Ok(needs)
        };
        let what = format!("training at {image_size}x{image_size} pixels, batch {most},");
        let Err(why) = memory::check(&what, &needs(image_size)?) else { return Ok(()) };
        // Some networks halve pictures so often that small ones vanish.
        let takes = |size: &usize| network(*size).is_ok_and(|network| network.image_size == *size);
        let Some(least) = (MIN_IMAGE_SIZE..image_size).find(takes) else {
            return Err(why.with(Remedy::LessMemory));
        };
        let fits = memory::largest_that_fits(least..image_size, needs)?;
        let fits = match fits {
            Some(size) => format!("; pictures of {size}x{size} pixels would fit"),
            None => "; no smaller pictures would fit either".to_string(),
        };
        let message = why.message.clone() + &fits;
        Err(why.saying(message).with(Remedy::LessMemory))
    }

    /// `there` are the bytes of the run's files that are there already, as it goes on.
    ///
    /// # Errors
    /// `Write` with the numbers.
    pub fn check_room(&self, folder: &Path, network: &Network, there: u64) -> Result<()> {
        let batches = self.folders[0].files.len().div_ceil(self.most());
        let steps = self.settings.epochs.saturating_mul(batches);
        let steps = steps.min(self.settings.max_steps.unwrap_or(usize::MAX)) as u64;
        let bytes = bytes_of_run(network, steps, self.settings.recipe.averages())?;
        check_room(folder, "the run", bytes.saturating_sub(there))
    }
}

/// Bytes of all files of a run, where each file that is replaced is there twice for a moment: three models, of which one is on
/// its way; and four checkpoints, the newest two, the best, and one on its way, each with two moments for every weight, and
/// an average of it if there is one.
fn bytes_of_run(network: &Network, steps: u64, averages: bool) -> Result<u64> {
    let values: usize = network.placed()?.iter().map(Placed::slot_values).sum();
    // Lines of 160 bytes. More of them than this has only a run that somebody will end.
    let lines = steps.saturating_mul(160).min(64 << 20);
    let in_checkpoint = if averages { 4 } else { 3 };
    Ok((3 + 4 * in_checkpoint) * 4 * values as u64 + lines + (1 << 20))
}
