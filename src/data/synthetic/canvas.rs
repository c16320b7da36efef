//! The picture being painted: colours, layers with soft edges, hairs.

use std::ops::Mul;

use image::{Rgb, RgbImage};

use super::geometry::{Frame, Vec2, mix, tapered, vec2};

/// Width and height of every picture, in pixels.
pub const SIDE: u32 = 256;

/// Red, green and blue as displayed (not linear light), 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Color([f32; 3]);

impl Color {
    pub const BLACK: Self = Self::gray(0.02);
    pub const WHITE: Self = Self::gray(1.0);

    pub const fn new(red: f32, green: f32, blue: f32) -> Self {
        Self([red, green, blue])
    }

    pub const fn gray(level: f32) -> Self {
        Self([level; 3])
    }

    /// The tint with its ITU-R BT.601 luma scaled to `luma`, so that hues differ without differing in brightness.
    pub fn with_luma(self, luma: f32) -> Self {
        self * (luma / self.luma())
    }

    pub fn luma(self) -> f32 {
        let [red, green, blue] = self.0;
        0.299 * red + 0.587 * green + 0.114 * blue
    }

    pub fn mix(self, other: Self, position: f32) -> Self {
        Self(std::array::from_fn(|channel| mix(self.0[channel], other.0[channel], position)))
    }

    fn to_pixel(self) -> Rgb<u8> {
        Rgb(self.0.map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8))
    }
}

/// Brightens or darkens.
impl Mul<f32> for Color {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|value| value * factor))
    }
}

pub struct Canvas {
    pixels: Vec<Color>,
}

impl Canvas {
    pub fn new() -> Self {
        Self { pixels: vec![Color::BLACK; (SIDE * SIDE) as usize] }
    }

    /// Replaces every pixel by `change` of its position and color.
    pub fn map(&mut self, mut change: impl FnMut(Vec2, Color) -> Color) {
        for (index, pixel) in self.pixels.iter_mut().enumerate() {
            *pixel = change(pixel_center(index), *pixel);
        }
    }

    /// Lays `paint` (a color and its opacity, of the point in `frame`) over what is there. Only the pixels within
    /// `reach` units of the frame's origin are visited.
    pub fn blend(&mut self, frame: &Frame, reach: f32, paint: impl Fn(Vec2) -> (Color, f32)) {
        let half_width = reach * (frame.x_axis.x.abs() + frame.y_axis.x.abs());
        let half_height = reach * (frame.x_axis.y.abs() + frame.y_axis.y.abs());
        for row in pixel_range(frame.origin.y, half_height) {
            for column in pixel_range(frame.origin.x, half_width) {
                let index = row * SIDE as usize + column;
                let (color, opacity) = paint(frame.to_local(pixel_center(index)));
                self.pixels[index] = self.pixels[index].mix(color, opacity);
            }
        }
    }

    /// Fills the inside of a signed distance with one color.
    pub fn fill(&mut self, frame: &Frame, reach: f32, color: Color, outline: impl Fn(Vec2) -> f32) {
        self.blend(frame, reach, |point| (color, frame.coverage(outline(point))));
    }

    /// Draws a hair from `root` to `tip`, in pixels, that thins out from `width` pixels to nothing.
    pub fn hair(&mut self, root: Vec2, tip: Vec2, width: f32, color: Color, opacity: f32) {
        let frame = Frame { origin: (root + tip) * 0.5, ..Frame::PICTURE };
        let half = (tip - root) * 0.5;
        self.blend(&frame, half.length() + width, |point| {
            let distance = tapered(point, (-half, width / 2.0), (half, 0.0));
            (color, opacity * frame.coverage(distance))
        });
    }

    pub fn into_image(self) -> RgbImage {
        RgbImage::from_fn(SIDE, SIDE, |x, y| self.pixels[(y * SIDE + x) as usize].to_pixel())
    }
}

fn pixel_center(index: usize) -> Vec2 {
    let side = SIDE as usize;
    vec2((index % side) as f32 + 0.5, (index / side) as f32 + 0.5)
}

/// The rows (or columns) within `half` pixels of `center` that lie in the picture.
fn pixel_range(center: f32, half: f32) -> std::ops::Range<usize> {
    // One pixel more on either side, for the soft edge; a cast from float to integer stops at zero.
    let first = (center - half - 1.0) as usize;
    let end = (center + half + 2.0) as usize;
    first..end.min(SIDE as usize)
}
