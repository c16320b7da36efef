//! What augmentation makes of pictures.

use crate::data::{Augment, Pictures};
use crate::error::Result;
use crate::model::Model;
use crate::ops::input::upload;
use crate::tensor::Tensor;

/// Some pictures as the network sees them in an epoch, from 0: bytes `[picture, height, width, channels]`.
///
/// # Errors
/// What the device reports.
pub async fn augmented(
    model: &Model,
    pictures: &Pictures,
    shown: &[usize],
    augment: &Augment,
    seed: u64,
    epoch: u64,
) -> Result<Vec<u8>> {
    let (size, color) = (pictures.raster.size, pictures.raster.color);
    let pixels = upload(model.device(), &pictures.gather(shown).pixels)?;
    let table = augment.transforms(seed, epoch, shown, size, color);
    let table = Tensor::from_f32(model.device(), &[shown.len(), Augment::ROW], &table)?;
    let seen = model.input(&pixels, shown.len(), Some(&table))?.read_f32().await?;
    let pre = &model.network.preprocessing;
    let gray = |value: f32| ((value * pre.std_dev + pre.mean) * 255.0).round().clamp(0.0, 255.0) as u8;
    let (area, channels) = (size * size, color.channels());
    let of_picture = |seen: &[f32]| -> Vec<u8> {
        (0..area * channels).map(|at| gray(seen[at % channels * area + at / channels])).collect()
    };
    Ok(seen.chunks_exact(area * channels).flat_map(of_picture).collect())
}
