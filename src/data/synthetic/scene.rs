//! What is chosen by chance alike for both classes: pose, light, coat. Nothing here may depend on the class, so
//! that neither place, size, shade nor background tells cats from dogs.

use super::canvas::{Color, SIDE};
use super::coat::Coat;
use super::dice::Dice;
use super::geometry::{Frame, Vec2, vec2};

/// The ranges below are wide enough that a linear classifier of the pixels learns little (no place or shade tells
/// the class), and the heads large enough that a small network learns to see ears and muzzles in a few hundred steps.
pub struct Scene {
    pub pose: Pose,
    pub light: Light,
    pub coat: Coat,
    /// Mean luma of the background.
    pub backdrop: f32,
    pub collar: Option<Color>,
}

impl Scene {
    pub fn random(dice: &mut Dice) -> Self {
        let pose = Pose::random(dice);
        let light = Light::random(dice);
        let fur = dice.between(0.18, 0.8);
        let coat = Coat::random(dice, fur);
        let backdrop = backdrop_luma(dice, fur);
        let collar = dice.chance(0.5).then(|| collar_color(dice));
        Self { pose, light, coat, backdrop, collar }
    }
}

/// A background either lighter or darker than the fur, but never so near that the head drowns in it.
fn backdrop_luma(dice: &mut Dice, fur: f32) -> f32 {
    const LEAST_CONTRAST: f32 = 0.2;
    loop {
        let luma = dice.between(0.24, 0.74);
        if (luma - fur).abs() >= LEAST_CONTRAST {
            return luma;
        }
    }
}

fn collar_color(dice: &mut Dice) -> Color {
    let tint = dice.pick(&[
        Color::new(0.8, 0.15, 0.15),
        Color::new(0.15, 0.35, 0.8),
        Color::new(0.1, 0.6, 0.45),
        Color::new(0.85, 0.6, 0.1),
        Color::new(0.55, 0.25, 0.7),
    ]);
    tint.with_luma(dice.between(0.25, 0.6))
}

/// Where the head is and how it is held.
pub struct Pose {
    /// Middle of the head, in pixels.
    pub center: Vec2,
    /// Radius of the head, in pixels.
    pub radius: f32,
    /// Clockwise tilt, in radians.
    pub tilt: f32,
    /// Turn to the picture's right, in radians.
    pub turn: f32,
    /// Nod downward, in radians.
    pub nod: f32,
    /// How far the body stands to the side of the head, in head radii.
    pub lean: f32,
}

impl Pose {
    fn random(dice: &mut Dice) -> Self {
        let middle = SIDE as f32 / 2.0;
        let radius = dice.between(60.0, 80.0);
        // A small head may stray further without leaving the picture.
        let freedom = 112.0 - radius;
        Self {
            center: vec2(
                middle + dice.between(-1.0, 1.0) * freedom,
                middle + 8.0 + dice.between(-0.75, 0.75) * freedom,
            ),
            radius,
            tilt: dice.between(-0.36, 0.36),
            turn: dice.between(-0.42, 0.42),
            nod: dice.between(-0.16, 0.2),
            lean: dice.between(-0.25, 0.25),
        }
    }

    pub fn head_frame(&self) -> Frame {
        Frame::new(self.center, self.radius, self.tilt)
    }

    /// The body stands upright whatever the head does.
    pub fn body_frame(&self) -> Frame {
        Frame::new(self.center + vec2(self.lean * self.radius, 0.0), self.radius, 0.0)
    }
}

/// One soft lamp and the light from all around.
pub struct Light {
    /// Direction to the lamp in the picture plane; shorter than 1, the rest points at the viewer.
    pub toward: Vec2,
    ambient: f32,
    diffuse: f32,
}

impl Light {
    fn random(dice: &mut Dice) -> Self {
        let diffuse = dice.between(0.35, 0.65);
        let toward = vec2(dice.between(-0.7, 0.7), dice.between(-0.65, 0.05));
        Self { toward, diffuse, ambient: 1.04 - diffuse * dice.between(0.75, 0.95) }
    }

    /// Brightness of a surface whose normal, in `frame`, leans from the viewer by `slope` (at most 1 long).
    pub fn on(&self, frame: &Frame, slope: Vec2) -> f32 {
        let slope = slope * (1.0 / slope.length().max(1.0));
        let normal = frame.x_axis.unit() * slope.x + frame.y_axis.unit() * slope.y;
        let facing = (1.0 - slope.dot(slope)).max(0.0).sqrt();
        let lamp = (1.0 - self.toward.dot(self.toward)).max(0.0).sqrt();
        self.ambient + self.diffuse * (normal.dot(self.toward) + facing * lamp).max(0.0)
    }
}
