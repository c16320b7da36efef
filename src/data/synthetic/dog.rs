//! A dog's head: hanging or folded ears, a long muzzle with a broad nose, round dark eyes and often the tongue.
//! Coordinates are in head radii.

use super::canvas::{Canvas, Color};
use super::dice::Dice;
use super::geometry::{ellipse, mix, smooth_union, smoothstep, tapered, triangle, vec2};
use super::head::Head;
use super::pelt::Pelt;

#[derive(Clone, Copy)]
enum Ears {
    Hanging,
    /// Upright at the root with the tip folded over.
    Folded,
}

/// What differs from dog to dog.
struct Dog {
    ears: Ears,
    /// Length of the ears, in head radii.
    ear: f32,
    /// How far the ears stand off the head, in radians.
    splay: f32,
    tongue: bool,
    /// Half the width of the muzzle, in head radii.
    muzzle: f32,
}

pub fn paint(canvas: &mut Canvas, dice: &mut Dice, head: &Head) {
    let dog = Dog {
        ears: dice.pick(&[Ears::Hanging, Ears::Hanging, Ears::Folded]),
        ear: dice.between(0.85, 1.2),
        splay: dice.between(0.1, 0.45),
        tongue: dice.chance(0.85),
        muzzle: dice.between(0.42, 0.5),
    };
    paint_skull(canvas, dice, head);
    for side in [-1.0, 1.0] {
        match dog.ears {
            Ears::Hanging => dog.paint_hanging_ear(canvas, dice, head, side),
            Ears::Folded => dog.paint_folded_ear(canvas, dice, head, side),
        }
        paint_eye(canvas, head, side);
    }
    dog.paint_mouth(canvas, head);
    dog.paint_muzzle(canvas, dice, head);
}

fn paint_skull(canvas: &mut Canvas, dice: &mut Dice, head: &Head) {
    let jaw = head.place(0.0, 0.42, 0.45);
    let nose = head.place(0.0, 0.2, 1.0);
    let pelt = Pelt {
        frame: &head.frame,
        reach: 1.3,
        center: vec2(0.0, -0.05),
        radii: vec2(0.98, 1.1),
        outline: &|point| {
            let skull = ellipse(point, vec2(0.0, -0.15), vec2(0.84, 0.78));
            smooth_union(skull, ellipse(point, jaw, vec2(0.6, 0.5)), 0.25)
        },
        color: &|point| head.scene.coat.on_head(head.unturned(point)),
        lie: &|point| (point - nose).unit() + vec2(0.0, 0.15),
        hair: 0.13,
    };
    pelt.paint(canvas, dice, &head.scene.light);
}

fn paint_eye(canvas: &mut Canvas, head: &Head, side: f32) {
    let frame = head.feature(0.36 * side, -0.16, 0.85, 0.2 * side);
    let light = head.scene.light.toward;
    canvas.fill(&frame, 0.5, Color::new(0.05, 0.035, 0.03), |point| {
        ellipse(point, vec2(0.0, 0.0), vec2(0.17, 0.15))
    });
    canvas.blend(&frame, 0.5, |point| {
        let glow = smoothstep(0.13, 0.0, (point - vec2(0.0, 0.07)).length());
        let color = Color::new(0.3, 0.17, 0.08) * (0.7 + 0.8 * glow);
        (color, frame.coverage(point.length() - 0.12))
    });
    canvas.fill(&frame, 0.5, Color::BLACK, |point| point.length() - 0.07);
    let gleam = light * 0.08 + vec2(0.0, -0.03);
    canvas.fill(&frame, 0.5, Color::WHITE, |point| (point - gleam).length() - 0.042);
}

impl Dog {
    fn paint_hanging_ear(&self, canvas: &mut Canvas, dice: &mut Dice, head: &Head, side: f32) {
        let frame = head.frame.child(head.place(0.66 * side, -0.6, 0.1), -self.splay * side, vec2(1.0, 1.0));
        let tip = vec2(0.06 * side, self.ear - 0.28);
        let pelt = Pelt {
            frame: &frame,
            reach: 1.4,
            center: vec2(0.0, 0.4),
            radii: vec2(0.42, 0.9),
            outline: &|point| tapered(point, (vec2(0.0, 0.05), 0.2), (tip, 0.29)),
            color: &|point| head.scene.coat.on_ear(point) * mix(0.86, 0.74, smoothstep(0.0, 1.0, point.y)),
            lie: &|point| vec2(point.x * 0.5, 1.0),
            hair: 0.15,
        };
        pelt.paint(canvas, dice, &head.scene.light);
    }

    fn paint_folded_ear(&self, canvas: &mut Canvas, dice: &mut Dice, head: &Head, side: f32) {
        let frame = head.frame.child(head.place(0.6 * side, -0.66, 0.1), 0.5 * side, vec2(1.0, 1.0));
        let tip = vec2(0.42 * side, 0.52 * self.ear);
        let flap = [vec2(-0.26 * side, -0.14), vec2(0.24 * side, -0.2), tip];
        let pelt = Pelt {
            frame: &frame,
            reach: 1.2,
            center: vec2(0.05 * side, 0.1),
            radii: vec2(0.5, 0.6),
            outline: &|point| triangle(point, flap, 0.1),
            color: &|point| head.scene.coat.on_ear(point) * mix(0.95, 0.75, smoothstep(-0.2, 0.5, point.y)),
            lie: &|point| vec2(point.x * 0.5 + 0.3 * side, 1.0),
            hair: 0.1,
        };
        pelt.paint(canvas, dice, &head.scene.light);
    }

    /// The open mouth and the tongue, which the muzzle then covers from above.
    fn paint_mouth(&self, canvas: &mut Canvas, head: &Head) {
        if !self.tongue {
            return;
        }
        let frame = head.feature(0.0, 0.72, 0.9, 0.0);
        canvas.fill(&frame, 0.6, Color::new(0.14, 0.05, 0.05), |point| {
            ellipse(point, vec2(0.0, 0.0), vec2(0.32, 0.2))
        });
        canvas.blend(&frame, 0.8, |point| {
            let groove = smoothstep(0.035, 0.0, point.x.abs()) * smoothstep(0.36, 0.24, point.y);
            let shade = smoothstep(-0.05, 0.3, point.y);
            let pink = Color::new(0.93, 0.45, 0.48) * (mix(0.7, 1.0, shade) - 0.18 * groove);
            (pink, frame.coverage(tapered(point, (vec2(0.0, 0.0), 0.19), (vec2(0.0, 0.3), 0.17))))
        });
    }

    fn paint_muzzle(&self, canvas: &mut Canvas, dice: &mut Dice, head: &Head) {
        let frame = head.feature(0.0, 0.42, 1.1, 0.0);
        let pelt = Pelt {
            frame: &frame,
            reach: 0.8,
            center: vec2(0.0, 0.0),
            radii: vec2(self.muzzle * 1.15, 0.48),
            outline: &|point| {
                let lips =
                    ellipse(vec2(point.x.abs(), point.y), vec2(0.2, 0.13), vec2(self.muzzle - 0.2, 0.24));
                smooth_union(ellipse(point, vec2(0.0, -0.1), vec2(0.32, 0.3)), lips, 0.1)
            },
            color: &|_| head.scene.coat.pale(),
            lie: &|point| vec2(point.x * 1.5, point.y + 0.2),
            hair: 0.08,
        };
        pelt.paint(canvas, dice, &head.scene.light);
        paint_nose_and_lips(canvas, head);
    }
}

fn paint_nose_and_lips(canvas: &mut Canvas, head: &Head) {
    let frame = head.feature(0.0, 0.4, 1.2, 0.0);
    let line = Color::new(0.12, 0.08, 0.08);
    canvas.fill(&frame, 0.8, line, |point| {
        let mirrored = vec2(point.x.abs(), point.y);
        let middle = tapered(point, (vec2(0.0, -0.1), 0.018), (vec2(0.0, 0.22), 0.016));
        let lip = tapered(mirrored, (vec2(0.0, 0.22), 0.018), (vec2(0.18, 0.3), 0.018));
        middle.min(lip).min(tapered(mirrored, (vec2(0.18, 0.3), 0.018), (vec2(0.39, 0.19), 0.01)))
    });
    let light = head.scene.light.toward;
    canvas.blend(&frame, 0.5, |point| {
        let shine = smoothstep(0.13, 0.0, (point - vec2(light.x * 0.1, -0.22)).length());
        let color = Color::new(0.06, 0.05, 0.055).mix(Color::gray(0.75), 0.7 * shine);
        let broad = ellipse(point, vec2(0.0, -0.17), vec2(0.26, 0.155));
        let nose = smooth_union(broad, ellipse(point, vec2(0.0, -0.07), vec2(0.13, 0.13)), 0.06);
        (color, frame.coverage(nose))
    });
}
