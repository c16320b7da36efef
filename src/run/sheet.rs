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
/// Most pixels of a picture's side; of larger ones every second is shown, or fewer.
const MOST: usize = 256;
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
    let step = size.div_ceil(MOST);
    let side = size.div_ceil(step);
    let [width, height] = [COLUMNS, rows].map(|cells| (GAP + cells * (side + GAP)) as u32);
    let mut sheet = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    // The order is by class: pictures at even distances are from all of them.
    for (row, column) in (0..rows).flat_map(|row| (0..COLUMNS).map(move |column| (row, column))) {
        let shown = [row * pictures.len() / rows];
        // The first column is the pictures.
        let amounts = if column == 0 { Augment::none() } else { *augment };
        let seen =
            augmented(model, pictures, &shown, &amounts, seed, column.saturating_sub(1) as u64).await?;
        for (at, pixel) in seen.chunks_exact(channels).enumerate() {
            let (y, x) = (at / size, at % size);
            if y % step > 0 || x % step > 0 {
                continue;
            }
            let [left, top] = [column, row].map(|cells| GAP + cells * (side + GAP));
            let rgb = if channels == 1 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
            sheet.put_pixel((left + x / step) as u32, (top + y / step) as u32, Rgb(rgb));
        }
    }
    let mut png = Cursor::new(Vec::new());
    sheet
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|why| error!(Other, "the sheet cannot be made: {why}"))?;
    Ok(png.into_inner())
}
