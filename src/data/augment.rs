//! Augmentation: each picture of each epoch is seen moved and recoloured, by chance, so that a network does not learn
//! pictures by heart.

use super::Color;
use crate::reference::augment::{IDENTITY, ROW};
use crate::reference::random::pcg4d;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// How much pictures are changed, at most. What is drawn is uniform from minus to plus the amount, for each picture of each
/// epoch anew. 0 changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Whether half of the pictures are mirrored, left to right.
    pub flip: bool,
    /// Turned about the centre, in degrees, up to 180.
    pub rotation: f64,
    /// Moved down and right, each as a share of the size, up to 1.
    pub shift: f64,
    /// Enlarged by a factor from 1 / (1 + zoom) to 1 + zoom, below 2; its logarithm is what is uniform.
    pub zoom: f64,
    /// Slanted, in degrees from the vertical, up to 45.
    pub shear: f64,
    /// Added to every pixel, in units of the largest, up to 1.
    pub brightness: f64,
    /// Added to 1, what the distance of a pixel from middle gray is multiplied by, up to 1.
    pub contrast: f64,
    /// Added to 1, what the distance of a color from its gray, BT.601's luma, is multiplied by, up to 1. Gray stays gray.
    pub saturation: f64,
    /// Colors turned about the axis of grays, as a share of a whole turn, up to 0.5. Gray stays gray.
    pub hue: f64,
    /// Probability that a rectangle becomes 0 to the network, which is the mean where pixels are normalized and else black: 2 to 20 % of the picture, its height 0.3 to 3.3 times
    /// its width, whole pixels, anywhere inside (Zhong et al., "Random Erasing Data Augmentation", 2020).
    pub erase: f64,
}

/// What each number is drawn for. More come at the end: then what is there already stays as it is.
#[derive(Clone, Copy)]
enum Draw {
    Flip,
    Rotation,
    Down,
    Right,
    Zoom,
    Shear,
    Brightness,
    Contrast,
    Saturation,
    Hue,
    Erase,
    ErasedArea,
    ErasedAspect,
    ErasedTop,
    ErasedLeft,
}

/// Of red, green and blue in the luma of BT.601.
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];
/// Smallest and largest share of a picture that is erased.
const AREAS: [f64; 2] = [0.02, 0.2];
/// A rectangle is at most this many times as high as wide, or as wide as high. Of the largest area its longer side is then
/// 0.82 of the picture's: it always fits.
const ASPECT: f64 = 1.0 / 0.3;

impl Augment {
    /// Numbers of what is done to one picture.
    pub const ROW: usize = ROW;

    /// Every one that has a name.
    pub const ALL: [(&'static str, Augment); 3] =
        [("none", Augment::none()), ("light", Augment::light()), ("strong", Augment::strong())];

    /// Pictures as they are.
    pub const fn none() -> Augment {
        Augment {
            flip: false,
            rotation: 0.0,
            shift: 0.0,
            zoom: 0.0,
            shear: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            hue: 0.0,
            erase: 0.0,
        }
    }

    /// What hardly any photograph minds.
    pub const fn light() -> Augment {
        Augment {
            flip: true,
            rotation: 10.0,
            shift: 0.05,
            zoom: 0.1,
            brightness: 0.1,
            contrast: 0.1,
            ..Augment::none()
        }
    }

    /// For few pictures and long runs.
    pub const fn strong() -> Augment {
        Augment {
            flip: true,
            rotation: 15.0,
            shift: 0.1,
            zoom: 0.2,
            shear: 5.0,
            brightness: 0.2,
            contrast: 0.2,
            saturation: 0.3,
            hue: 0.03,
            erase: 0.25,
        }
    }

    /// Whether pictures stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Augment::none()
    }

    /// Every amount that makes no sense, by its field, and why.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let amounts = [
            ("rotation", self.rotation, 180.0),
            ("shift", self.shift, 1.0),
            ("zoom", self.zoom, 1.0),
            ("shear", self.shear, 45.0),
            ("brightness", self.brightness, 1.0),
            ("contrast", self.contrast, 1.0),
            ("saturation", self.saturation, 1.0),
            ("hue", self.hue, 0.5),
            ("erase", self.erase, 1.0),
        ];
        let problem = |(field, amount, most): (&'static str, f64, f64)| {
            let makes_sense = (0.0..=most).contains(&amount) && (field != "zoom" || amount < most);
            let most = if field == "zoom" { "below 1".to_string() } else { format!("at most {most}") };
            (!makes_sense).then(|| (field, format!("{amount} makes no sense: use 0 or more, and {most}")))
        };
        amounts.into_iter().filter_map(problem).collect()
    }

    /// What is done to each of `pictures` in this epoch, as the rows that `ops::augment` takes.
    ///
    /// A row depends on the arguments and its picture's index only, not on the other pictures: it is the same in any batch,
    /// on any device, and in a run that goes on. Pictures are `size` x `size` pixels of `color`.
    pub fn transforms(
        &self,
        seed: u64,
        epoch: u64,
        pictures: &[usize],
        size: usize,
        color: Color,
    ) -> Vec<f32> {
        let run = pcg4d([seed as u32, (seed >> 32) as u32, epoch as u32, (epoch >> 32) as u32]);
        let row = |&picture: &usize| {
            // 0 or more, and below 1.
            let chance = |draw: Draw| {
                let [word, ..] = pcg4d([picture as u32, draw as u32, run[0], run[1]]);
                f64::from(word) / f64::exp2(32.0)
            };
            self.transform(chance, size as f64, color)
        };
        pictures.iter().flat_map(row).collect()
    }

    /// One row.
    fn transform(&self, chance: impl Fn(Draw) -> f64, size: f64, color: Color) -> [f32; ROW] {
        let mut row = IDENTITY.map(f64::from);
        let either = |draw: Draw, amount: f64| (2.0 * chance(draw) - 1.0) * amount;

        // From where it is seen to where it is in the picture: moved back, made smaller, slanted, turned, mirrored.
        let zoom = either(Draw::Zoom, self.zoom.ln_1p()).exp();
        let slant = either(Draw::Shear, self.shear).to_radians().tan();
        let (sin, cos) = either(Draw::Rotation, self.rotation).to_radians().sin_cos();
        let mirror = if self.flip && chance(Draw::Flip) < 0.5 { -1.0 } else { 1.0 };
        let line = [cos - sin * slant, -sin].map(|share| share / zoom);
        let column = [sin + cos * slant, cos].map(|share| mirror * share / zoom);
        let moved = [Draw::Down, Draw::Right].map(|draw| either(draw, self.shift * size));
        let back = |[h, w]: [f64; 2]| -(h * moved[0] + w * moved[1]);
        row[..3].copy_from_slice(&[line[0], line[1], back(line)]);
        row[3..6].copy_from_slice(&[column[0], column[1], back(column)]);

        let contrast = 1.0 + either(Draw::Contrast, self.contrast);
        if color == Color::Rgb {
            let saturation = 1.0 + either(Draw::Saturation, self.saturation);
            let hue = hue_turned(either(Draw::Hue, self.hue) * TAU);
            let gray: [f64; 3] = std::array::from_fn(|ci| (0..3).map(|k| LUMA[k] * hue[k][ci]).sum());
            for (c, of_channel) in hue.iter().enumerate() {
                for (ci, turned) in of_channel.iter().enumerate() {
                    row[6 + 3 * c + ci] = contrast * (saturation * turned + (1.0 - saturation) * gray[ci]);
                }
            }
        } else {
            (0..3).for_each(|c| row[6 + 4 * c] = contrast);
        }
        row[15..18].fill(0.5 * (1.0 - contrast) + either(Draw::Brightness, self.brightness));

        if chance(Draw::Erase) < self.erase {
            let area = AREAS[0] + chance(Draw::ErasedArea) * (AREAS[1] - AREAS[0]);
            let aspect = either(Draw::ErasedAspect, ASPECT.ln()).exp();
            let side = |share: f64| (share.sqrt() * size).round().max(1.0);
            let (height, width) = (side(area * aspect), side(area / aspect));
            let place = |draw, len: f64| (chance(draw) * (size - len + 1.0)).floor();
            let (top, left) = (place(Draw::ErasedTop, height), place(Draw::ErasedLeft, width));
            row[18..22].copy_from_slice(&[top, left, top + height, left + width]);
        }
        // Not -0.
        row.map(|value| (value + 0.0) as f32)
    }
}

/// Colors turned by an angle about the axis of grays, on which all channels are equal (Rodrigues' formula).
fn hue_turned(angle: f64) -> [[f64; 3]; 3] {
    let (sin, cos) = angle.sin_cos();
    let [even, across] = [(1.0 - cos) / 3.0, sin / 3f64.sqrt()];
    let of = |c: usize, ci: usize| match (ci + 3 - c) % 3 {
        0 => cos + even,
        1 => even - across,
        _ => even + across,
    };
    std::array::from_fn(|c| std::array::from_fn(|ci| of(c, ci)))
}
