//! Rounded parts of the body covered with hairs.

use super::canvas::{Canvas, Color, SIDE};
use super::dice::Dice;
use super::geometry::{Frame, Vec2, mix, vec2};
use super::scene::Light;

/// A furry part of the body. Points and lengths are in the frame's units.
pub struct Pelt<'a> {
    pub frame: &'a Frame,
    /// Nothing of the outline is further than this from the frame's origin.
    pub reach: f32,
    /// Middle of the ellipse by which the part bulges towards the viewer: the light sees its slopes.
    pub center: Vec2,
    /// Radii of that ellipse.
    pub radii: Vec2,
    /// Signed distance to the edge.
    pub outline: &'a dyn Fn(Vec2) -> f32,
    /// Color before the light falls on it.
    pub color: &'a dyn Fn(Vec2) -> Color,
    /// The direction in which the hairs lie; its length does not matter.
    pub lie: &'a dyn Fn(Vec2) -> Vec2,
    /// Length of the hairs.
    pub hair: f32,
}

impl Pelt<'_> {
    /// Pixels between the roots of neighboring hairs.
    const SPACING: f32 = 4.5;
    /// Width of a hair at its root, in pixels.
    const HAIR_WIDTH: f32 = 2.4;

    pub fn paint(&self, canvas: &mut Canvas, dice: &mut Dice, light: &Light) {
        canvas.blend(self.frame, self.reach, |point| {
            (self.lit_color(point, light), self.frame.coverage((self.outline)(point)))
        });
        let steps = (SIDE as f32 / Self::SPACING) as usize + 1;
        for row in 0..steps {
            for column in 0..steps {
                let jitter = vec2(dice.between(-0.5, 0.5), dice.between(-0.5, 0.5));
                let root = (vec2(column as f32, row as f32) + jitter) * Self::SPACING;
                self.paint_hair(canvas, dice, light, self.frame.to_local(root));
            }
        }
    }

    fn lit_color(&self, point: Vec2, light: &Light) -> Color {
        let offset = point - self.center;
        let slope = vec2(offset.x / self.radii.x, offset.y / self.radii.y);
        (self.color)(point) * light.on(self.frame, slope)
    }

    fn paint_hair(&self, canvas: &mut Canvas, dice: &mut Dice, light: &Light, root: Vec2) {
        if root.length() > self.reach || (self.outline)(root) > 0.0 {
            return;
        }
        let sway = vec2(dice.between(-0.35, 0.35), dice.between(-0.35, 0.35));
        // Hairs at the edge stand out alone, so they are shorter: fluff rather than spikes.
        let depth = -(self.outline)(root) / self.hair;
        let length = self.hair * dice.between(0.6, 1.3) * mix(0.55, 1.0, depth.min(1.0));
        let tip = root + ((self.lie)(root).unit() + sway) * length;
        let color = self.lit_color(root, light) * dice.between(0.86, 1.16);
        canvas.hair(self.frame.to_pixels(root), self.frame.to_pixels(tip), Self::HAIR_WIDTH, color, 0.75);
    }
}
