//! Colors and markings of the fur.

use super::canvas::Color;
use super::dice::{Dice, Noise};
use super::geometry::{Vec2, ellipse, mix, smoothstep, vec2};

/// The markings both cats and dogs may have.
#[derive(Clone, Copy)]
enum Pattern {
    Plain,
    /// A streak down the forehead that widens over the mouth.
    Blaze,
    /// A mouth and chin of another color.
    Mask,
    /// A patch over one eye (on the side of the sign).
    Patch(f32),
    Striped,
    /// Patches wherever chance puts them.
    Pied,
}

pub struct Coat {
    base: Color,
    marking: Color,
    pattern: Pattern,
    noise: Noise,
}

impl Coat {
    pub fn random(dice: &mut Dice, luma: f32) -> Self {
        let side = dice.sign();
        let pattern = dice.pick(&[
            Pattern::Plain,
            Pattern::Blaze,
            Pattern::Mask,
            Pattern::Patch(side),
            Pattern::Striped,
            Pattern::Pied,
        ]);
        let contrast = match pattern {
            Pattern::Striped => dice.between(0.12, 0.2),
            _ => dice.between(0.2, 0.35),
        };
        let marking = if luma < 0.5 { luma + contrast } else { luma - contrast };
        let tint = dice.pick(&TINTS);
        // Markings are of the same hue, or gray as in black, white and silver.
        let marking_tint = dice.pick(&[tint, tint, TINTS[0]]);
        Self {
            base: fur_color(tint, luma),
            marking: fur_color(marking_tint, marking),
            pattern,
            noise: dice.noise(),
        }
    }

    /// Color of the head at a point of the face (in head radii from its middle).
    pub fn on_head(&self, point: Vec2) -> Color {
        let fray = self.noise.at(point * 5.0) - 0.5;
        let marked = match self.pattern {
            Pattern::Plain => 0.0,
            Pattern::Blaze => inside(point.x.abs() - mix(0.06, 0.42, smoothstep(-0.2, 0.6, point.y)), fray),
            Pattern::Mask => inside(ellipse(point, vec2(0.0, 0.6), vec2(0.62, 0.55)), fray),
            Pattern::Patch(side) => inside(ellipse(point, vec2(0.45 * side, -0.2), vec2(0.42, 0.5)), fray),
            Pattern::Striped => self.head_stripes(point),
            Pattern::Pied => smoothstep(0.5, 0.58, self.noise.at(point * 1.6 + vec2(9.3, 4.7)) + 0.1 * fray),
        };
        self.tone(point, marked)
    }

    /// Color of the body, ears and other parts at a point in their own frame.
    pub fn on_body(&self, point: Vec2) -> Color {
        let marked = match self.pattern {
            Pattern::Plain | Pattern::Patch(_) => 0.0,
            Pattern::Blaze | Pattern::Mask => {
                let fray = self.noise.at(point * 5.0) - 0.5;
                inside(ellipse(point, vec2(0.0, 1.5), vec2(0.45, 0.75)), fray)
            }
            Pattern::Striped => stripe(point.y * 2.6 + self.noise.at(point * 1.7)),
            Pattern::Pied => smoothstep(0.5, 0.58, self.noise.at(point * 1.3)),
        };
        self.tone(point, marked)
    }

    /// The color of ears, which carry no markings of their own.
    pub fn on_ear(&self, point: Vec2) -> Color {
        let marked = if matches!(self.pattern, Pattern::Patch(_) | Pattern::Pied) { 1.0 } else { 0.0 };
        self.tone(point, marked)
    }

    /// Fur much lighter than the base, for the puffs around the mouth.
    pub fn pale(&self) -> Color {
        self.base.mix(Color::WHITE, 0.34)
    }

    fn tone(&self, point: Vec2, marked: f32) -> Color {
        self.base.mix(self.marking, marked) * mix(0.93, 1.07, self.noise.at(point * 3.0))
    }

    /// Upright bars on the forehead and bands on the cheeks.
    fn head_stripes(&self, point: Vec2) -> f32 {
        let wobble = 0.5 * self.noise.at(point * 2.5);
        let forehead = stripe(point.x * 3.4 + 0.25) * smoothstep(-0.3, -0.5, point.y);
        let cheeks = stripe(point.y * 3.0 + wobble) * smoothstep(0.55, 0.7, point.x.abs());
        forehead.max(cheeks)
    }
}

/// Soft inside of a signed distance whose edge is frayed by `fray`.
fn inside(distance: f32, fray: f32) -> f32 {
    smoothstep(0.04, -0.04, distance + 0.12 * fray)
}

/// One stripe per unit.
fn stripe(position: f32) -> f32 {
    let from_middle = (position - position.floor() - 0.5).abs();
    smoothstep(0.28, 0.16, from_middle)
}

/// The hues of fur: gray, blue-gray, brown, ginger and cream.
const TINTS: [Color; 5] = [
    Color::new(1.0, 0.98, 0.95),
    Color::new(0.93, 1.0, 1.1),
    Color::new(1.0, 0.75, 0.5),
    Color::new(1.0, 0.66, 0.34),
    Color::new(1.0, 0.82, 0.6),
];

/// Fur of the hue, as saturated as its luma allows: black and white fur is nearly gray.
fn fur_color(tint: Color, luma: f32) -> Color {
    let saturation = smoothstep(0.02, 0.3, luma) * smoothstep(1.05, 0.6, luma);
    Color::WHITE.mix(tint, saturation).with_luma(luma)
}
