//! What is done to training pictures, as options.

use super::choices::one_of;
use crate::data::Augment;
use clap::Args;

/// How much, by one name, and one option for each amount; the comments are the help texts.
#[derive(Args)]
pub struct AugmentArgs {
    /// What is done to each training picture in each epoch anew, by chance: nothing; what hardly any photograph minds; or more, for
    /// few pictures and long runs. The options from --flip to --erase change one part of it each
    #[arg(long, value_name = "none|light|strong", value_parser = one_of(Augment::ALL))]
    augment: Option<Augment>,
    /// Whether half of the pictures are mirrored, left to right
    #[arg(long, value_name = "on|off", value_parser = one_of([("on", true), ("off", false)]))]
    flip: Option<bool>,
    /// Turn by up to this many degrees
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true)]
    rotation: Option<f64>,
    /// Move by up to this share of the size
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    shift: Option<f64>,
    /// Enlarge, or make smaller, by up to this share
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    zoom: Option<f64>,
    /// Slant by up to this many degrees
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true)]
    shear: Option<f64>,
    /// Make brighter or darker by up to this share of white
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    brightness: Option<f64>,
    /// Change the contrast by up to this share
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    contrast: Option<f64>,
    /// Change how colourful a picture is by up to this share
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    saturation: Option<f64>,
    /// Turn colours by up to this share of a whole turn
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    hue: Option<f64>,
    /// Probability that a rectangle of the picture is erased
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    erase: Option<f64>,
}

impl AugmentArgs {
    /// What was named, or this; but for the amounts that were given.
    pub fn over(self, base: Augment) -> Augment {
        let base = self.augment.unwrap_or(base);
        Augment {
            flip: self.flip.unwrap_or(base.flip),
            rotation: self.rotation.unwrap_or(base.rotation),
            shift: self.shift.unwrap_or(base.shift),
            zoom: self.zoom.unwrap_or(base.zoom),
            shear: self.shear.unwrap_or(base.shear),
            brightness: self.brightness.unwrap_or(base.brightness),
            contrast: self.contrast.unwrap_or(base.contrast),
            saturation: self.saturation.unwrap_or(base.saturation),
            hue: self.hue.unwrap_or(base.hue),
            erase: self.erase.unwrap_or(base.erase),
        }
    }
}
