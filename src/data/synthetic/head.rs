//! What cats and dogs share: a round head seen from somewhere in front, on a furry body.

use super::canvas::{Canvas, Color};
use super::dice::Dice;
use super::geometry::{Frame, Vec2, ellipse, mix, smooth_union, smoothstep, tapered, vec2};
use super::pelt::Pelt;
use super::scene::Scene;

/// The head as a ball of radius 1 on which the features of the face are placed in depth: x to the picture's
/// right, y down, z towards the viewer. Turning and nodding move what is nearer by more.
pub struct Head<'a> {
    pub scene: &'a Scene,
    pub frame: Frame,
    turn: Vec2,
    nod: Vec2,
}

impl<'a> Head<'a> {
    pub fn new(scene: &'a Scene) -> Self {
        let pose = &scene.pose;
        Self {
            scene,
            frame: pose.head_frame(),
            turn: Vec2::at_angle(pose.turn),
            nod: Vec2::at_angle(pose.nod),
        }
    }

    /// Where the point is seen, in the head's frame.
    pub fn place(&self, x: f32, y: f32, z: f32) -> Vec2 {
        let depth = z * self.turn.x - x * self.turn.y;
        vec2(x * self.turn.x + z * self.turn.y, y * self.nod.x + depth * self.nod.y)
    }

    /// A frame for a feature at the point, turned by `angle` and narrowed as the face turns away there.
    pub fn feature(&self, x: f32, y: f32, z: f32, angle: f32) -> Frame {
        let narrowing = (self.turn.x - x / z * self.turn.y).clamp(0.7, 1.12);
        self.frame.child(self.place(x, y, z), angle, vec2(narrowing, 1.0))
    }

    /// The point of the face, looked at from in front, that is seen at `point`.
    pub fn unturned(&self, point: Vec2) -> Vec2 {
        point - self.place(0.0, 0.0, 0.8)
    }

    /// A soft shadow that the animal casts on what is behind it, away from the lamp.
    pub fn paint_shadow(&self, canvas: &mut Canvas) {
        let pose = &self.scene.pose;
        let away = -self.scene.light.toward * 0.35;
        let frame = Frame::new(pose.center + away * pose.radius, pose.radius, 0.0);
        canvas.blend(&frame, 4.0, |point| {
            let head = ellipse(point, vec2(0.0, -0.1), vec2(1.05, 1.05));
            let body = ellipse(point, vec2(pose.lean, 2.1), vec2(1.15, 1.35));
            (Color::BLACK, 0.34 * smoothstep(0.3, -0.3, smooth_union(head, body, 0.4)))
        });
    }

    pub fn paint_body(&self, canvas: &mut Canvas, dice: &mut Dice) {
        let frame = self.scene.pose.body_frame();
        let neck = vec2(-self.scene.pose.lean, 0.2);
        let outline = |point: Vec2| {
            let chest = ellipse(point, vec2(0.0, 2.15), vec2(1.1, 1.3));
            smooth_union(tapered(point, (neck, 0.62), (vec2(0.0, 1.5), 0.8)), chest, 0.3)
        };
        let color = |point: Vec2| {
            // The head keeps the lamp from the throat.
            let shade = mix(0.62, 1.0, smoothstep(0.7, 1.5, (point - neck).length()));
            self.scene.coat.on_body(point) * shade
        };
        let pelt = Pelt {
            frame: &frame,
            reach: 3.6,
            center: vec2(0.0, 2.0),
            radii: vec2(1.2, 1.9),
            outline: &outline,
            color: &color,
            lie: &|point| vec2(point.x * 0.4, 1.0),
            hair: 0.17,
        };
        pelt.paint(canvas, dice, &self.scene.light);
        if let Some(color) = self.scene.collar {
            self.paint_collar(canvas, &frame, color);
        }
    }

    fn paint_collar(&self, canvas: &mut Canvas, frame: &Frame, color: Color) {
        let middle = vec2(-0.6 * self.scene.pose.lean, 0.62);
        let light = &self.scene.light;
        canvas.blend(frame, 2.0, |point| {
            let ring = ellipse(point, middle, vec2(0.68, 0.48)).abs() - 0.07;
            let distance = ring.max(middle.y - point.y);
            (color * light.on(frame, vec2((point.x - middle.x) / 0.75, 0.0)), frame.coverage(distance))
        });
        let tag = middle + vec2(0.0, 0.63);
        canvas.blend(frame, 2.0, |point| {
            let shine = smoothstep(0.16, 0.0, (point - tag - light.toward * 0.06).length());
            (
                Color::new(0.72, 0.55, 0.2).mix(Color::WHITE, shine),
                frame.coverage((point - tag).length() - 0.12),
            )
        });
    }
}
