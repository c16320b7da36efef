//! A cat's head: pointed ears, slit pupils, a small nose and whiskers. Coordinates are in head radii.

use super::canvas::{Canvas, Color};
use super::dice::Dice;
use super::geometry::{Frame, Vec2, ellipse, smooth_union, smoothstep, tapered, triangle, vec2};
use super::head::Head;
use super::pelt::Pelt;

/// What differs from cat to cat.
struct Cat {
    iris: Color,
    /// Half the width of the pupils, in head radii.
    pupil: f32,
    nose: Color,
    /// How far the ears lean outward, in radians.
    splay: f32,
    /// Height of the ears, in head radii.
    ear: f32,
}

pub fn paint(canvas: &mut Canvas, dice: &mut Dice, head: &Head) {
    let irises = [
        Color::new(0.75, 0.85, 0.25),
        Color::new(0.45, 0.8, 0.4),
        Color::new(0.95, 0.7, 0.2),
        Color::new(0.45, 0.75, 0.95),
    ];
    let cat = Cat {
        iris: dice.pick(&irises).with_luma(dice.between(0.72, 0.84)),
        pupil: dice.between(0.035, 0.075),
        nose: dice.pick(&[Color::new(0.85, 0.5, 0.5), Color::new(0.3, 0.2, 0.2)]),
        splay: dice.between(0.12, 0.42),
        ear: dice.between(0.72, 0.92),
    };
    for side in [-1.0, 1.0] {
        cat.paint_ear(canvas, dice, head, side);
    }
    paint_skull(canvas, dice, head);
    for side in [-1.0, 1.0] {
        cat.paint_eye(canvas, head, side);
    }
    cat.paint_muzzle(canvas, dice, head);
    paint_whiskers(canvas, dice, head);
}

fn paint_skull(canvas: &mut Canvas, dice: &mut Dice, head: &Head) {
    let chin = head.place(0.0, 0.45, 0.55);
    let outline = |point: Vec2| {
        let cheek_line = vec2(point.x.abs(), point.y);
        let cheeks = ellipse(cheek_line, vec2(0.52, 0.25), vec2(0.5, 0.42));
        let skull = smooth_union(ellipse(point, vec2(0.0, -0.05), vec2(0.92, 0.82)), cheeks, 0.15);
        smooth_union(skull, ellipse(point, chin, vec2(0.4, 0.3)), 0.2)
    };
    let nose = head.place(0.0, 0.1, 0.9);
    let pelt = Pelt {
        frame: &head.frame,
        reach: 1.3,
        center: vec2(0.0, -0.05),
        radii: vec2(1.05, 0.95),
        outline: &outline,
        color: &|point| head.scene.coat.on_head(head.unturned(point)),
        lie: &|point| (point - nose).unit() + vec2(0.0, 0.15),
        hair: 0.15,
    };
    pelt.paint(canvas, dice, &head.scene.light);
}

impl Cat {
    /// The origin is the middle of the ear's root; the ear points up.
    fn ear_frame(&self, head: &Head, side: f32) -> Frame {
        head.frame.child(head.place(0.56 * side, -0.5, 0.05), self.splay * side, vec2(1.0, 1.0))
    }

    fn paint_ear(&self, canvas: &mut Canvas, dice: &mut Dice, head: &Head, side: f32) {
        let frame = self.ear_frame(head, side);
        let tip = vec2(0.04 * side, -self.ear);
        let outer = [vec2(-0.36, 0.12), vec2(0.36, 0.12), tip];
        let inner = [vec2(-0.2, 0.05), vec2(0.2, 0.05), tip * 0.72];
        let pelt = Pelt {
            frame: &frame,
            reach: 1.2,
            center: vec2(0.0, -0.2),
            radii: vec2(0.6, 1.0),
            outline: &|point| triangle(point, outer, 0.05),
            color: &|point| head.scene.coat.on_ear(point),
            lie: &|point| vec2(point.x, -1.0),
            hair: 0.1,
        };
        pelt.paint(canvas, dice, &head.scene.light);
        let skin = Color::new(0.9, 0.6, 0.58).mix(head.scene.coat.on_ear(vec2(0.0, 0.0)), 0.45) * 0.78;
        canvas.blend(&frame, 1.2, |point| {
            let shade = 0.75 + 0.35 * smoothstep(0.1, -0.7, point.y);
            (skin * shade, smoothstep(0.05, -0.03, triangle(point, inner, 0.03)))
        });
        self.paint_ear_tuft(canvas, dice, head, side);
    }

    /// Pale hairs that grow from the inner edge across the opening of the ear.
    fn paint_ear_tuft(&self, canvas: &mut Canvas, dice: &mut Dice, head: &Head, side: f32) {
        let frame = self.ear_frame(head, side);
        for _ in 0..14 {
            let root = vec2(-side * dice.between(0.08, 0.28), dice.between(-0.15, 0.1));
            let tip = root + vec2(side * dice.between(0.05, 0.22), -dice.between(0.15, 0.4));
            canvas.hair(frame.to_pixels(root), frame.to_pixels(tip), 2.2, head.scene.coat.pale(), 0.7);
        }
    }

    fn paint_eye(&self, canvas: &mut Canvas, head: &Head, side: f32) {
        let frame =
            head.feature(0.42 * side, -0.08, 0.85, 0.16 * -side).child(vec2(0.0, 0.0), 0.0, vec2(1.1, 1.1));
        let light = head.scene.light.toward;
        // The lids are two circles that meet in the corners.
        let almond = |point: Vec2, margin: f32| {
            let upper = (point - vec2(0.0, 0.08)).length() - 0.28;
            let lower = (point - vec2(0.0, -0.1)).length() - 0.3;
            upper.max(lower) - margin
        };
        canvas.fill(&frame, 0.5, Color::new(0.07, 0.05, 0.05), |point| almond(point, 0.055));
        canvas.blend(&frame, 0.5, |point| {
            let glow = smoothstep(0.22, 0.02, (point - vec2(0.0, 0.08)).length());
            let lid = smoothstep(-0.22, -0.06, point.y);
            let color = self.iris * (0.75 + 0.35 * glow) * (0.6 + 0.4 * lid);
            (color, frame.coverage(almond(point, 0.0)))
        });
        canvas.fill(&frame, 0.5, Color::BLACK, |point| {
            ellipse(point, vec2(0.0, -0.01), vec2(self.pupil, 0.18))
        });
        let gleam = light * 0.1 + vec2(0.0, -0.03);
        canvas.fill(&frame, 0.5, Color::WHITE, |point| (point - gleam).length() - 0.042);
    }

    fn paint_muzzle(&self, canvas: &mut Canvas, dice: &mut Dice, head: &Head) {
        let frame = head.feature(0.0, 0.4, 0.95, 0.0);
        let pelt = Pelt {
            frame: &frame,
            reach: 0.5,
            center: vec2(0.0, 0.02),
            radii: vec2(0.42, 0.3),
            outline: &|point| {
                let puffs = ellipse(vec2(point.x.abs(), point.y), vec2(0.15, 0.0), vec2(0.2, 0.16));
                smooth_union(puffs, ellipse(point, vec2(0.0, 0.17), vec2(0.14, 0.11)), 0.06)
            },
            color: &|_| head.scene.coat.pale(),
            lie: &|point| point + vec2(0.0, 0.1),
            hair: 0.07,
        };
        pelt.paint(canvas, dice, &head.scene.light);
        self.paint_nose_and_mouth(canvas, head);
    }

    fn paint_nose_and_mouth(&self, canvas: &mut Canvas, head: &Head) {
        let frame = head.feature(0.0, 0.4, 0.98, 0.0);
        let line = Color::new(0.16, 0.1, 0.1);
        canvas.fill(&frame, 0.5, line, |point| {
            let mirrored = vec2(point.x.abs(), point.y);
            let middle = tapered(point, (vec2(0.0, -0.1), 0.014), (vec2(0.0, 0.05), 0.014));
            let corner = tapered(mirrored, (vec2(0.0, 0.05), 0.016), (vec2(0.12, 0.12), 0.014));
            middle.min(corner).min(tapered(mirrored, (vec2(0.12, 0.12), 0.014), (vec2(0.23, 0.09), 0.008)))
        });
        let corners = [vec2(-0.1, -0.19), vec2(0.1, -0.19), vec2(0.0, -0.09)];
        canvas.blend(&frame, 0.5, |point| {
            let shine = 0.8 + 0.5 * smoothstep(0.12, 0.0, (point - vec2(0.0, -0.2)).length());
            (self.nose * shine, frame.coverage(triangle(point, corners, 0.025)))
        });
    }
}

fn paint_whiskers(canvas: &mut Canvas, dice: &mut Dice, head: &Head) {
    for side in [-1.0, 1.0] {
        for row in -1..=1 {
            let row = row as f32;
            let root = head.place(0.2 * side, 0.42 + 0.06 * row, 0.95);
            let tip = root + vec2(side, 0.26 * row - 0.05) * dice.between(0.75, 1.0);
            let (root, tip) = (head.frame.to_pixels(root), head.frame.to_pixels(tip));
            canvas.hair(root, tip, 3.0, Color::gray(0.96), 0.9);
        }
    }
}
