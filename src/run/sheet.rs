//! A contact sheet: what augmentation makes of some training pictures, as the network sees them.

use crate::data::{Augment, Pictures};
use crate::error::{Result, error};
use crate::model::Model;
use crate::train::augmented;
use image::{ImageFormat, Rgb, RgbImage};
use std::io::Cursor;

/// Pictures, one to a row, from all classes.
const ROWS: usize = 6;
/// The picture itself, and what it is in the first epochs.
const COLUMNS: usize = 9;
/// Pixels between pictures.
const GAP: usize = 4;

/// The sheet as a PNG. In each row there is first a picture, then what it is in one epoch after the other.
///
/// # Errors
/// What the device reports.
pub async fn contact_sheet(
    model: &Model,
    pictures: &Pictures,
    augment: &Augment,
    seed: u64,
) -> Result<Vec<u8>> {
    let (size, channels) = (pictures.raster.size, pictures.raster.color.channels());
    let rows = ROWS.min(pictures.len());
    let [width, height] = [COLUMNS, rows].map(|cells| (GAP + cells * (size + GAP)) as u32);
    let mut sheet = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    // The order is by class: pictures at even distances are from all of them.
    let shown: Vec<usize> = (0..rows).map(|row| row * pictures.len() / rows).collect();
    for column in 0..COLUMNS {
        // The first column is the pictures.
        let amounts = if column == 0 { Augment::none() } else { *augment };
        let seen =
            augmented(model, pictures, &shown, &amounts, seed, column.saturating_sub(1) as u64).await?;
        for (at, pixel) in seen.chunks_exact(channels).enumerate() {
            let (row, y, x) = (at / (size * size), at / size % size, at % size);
            let [left, top] = [column, row].map(|cells| GAP + cells * (size + GAP));
            let rgb = if channels == 1 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
            sheet.put_pixel((left + x) as u32, (top + y) as u32, Rgb(rgb));
        }
    }
    let mut png = Cursor::new(Vec::new());
    sheet
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|why| error!(Other, "the sheet cannot be made: {why}"))?;
    Ok(png.into_inner())
}
