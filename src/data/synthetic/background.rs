//! Rooms, meadows, blurred lights and plain shapes to stand in front of.

use super::canvas::{Canvas, Color, SIDE};
use super::dice::Dice;
use super::geometry::{Frame, Vec2, mix, smoothstep, triangle, vec2};

const SIZE: f32 = SIDE as f32;

/// Covers the canvas; `luma` is about the mean brightness.
pub fn paint(canvas: &mut Canvas, dice: &mut Dice, luma: f32) {
    let tint = dice.pick(&[
        Color::new(0.9, 0.75, 0.6),
        Color::new(0.6, 0.75, 0.9),
        Color::new(0.65, 0.85, 0.65),
        Color::new(0.9, 0.7, 0.75),
        Color::new(0.8, 0.8, 0.8),
        Color::new(0.75, 0.7, 0.9),
    ]);
    // Light walls are pale: a saturated color as light would not fit into the range of the channels.
    let color = tint.mix(Color::WHITE, smoothstep(0.55, 1.0, luma)).with_luma(luma);
    paint_gradient(canvas, dice, color);
    let paint_scenery = dice.pick(&[paint_room, paint_meadow, paint_lights, paint_shapes]);
    paint_scenery(canvas, dice, color);
}

fn paint_gradient(canvas: &mut Canvas, dice: &mut Dice, color: Color) {
    let slope = vec2(dice.between(-0.25, 0.25), dice.between(-0.25, 0.25));
    canvas.map(|point, _| color * (1.0 + slope.dot(vec2(point.x / SIZE - 0.5, point.y / SIZE - 0.5) * 2.0)));
}

/// A wall, papered or plain, with a window or picture, above a floor.
fn paint_room(canvas: &mut Canvas, dice: &mut Dice, color: Color) {
    let stripes = dice.between(14.0, 30.0);
    let strength = dice.between(-0.08, 0.08);
    canvas.map(|point, below| {
        let position = point.x / stripes;
        let from_middle = (position - position.floor() - 0.5).abs();
        below * (1.0 + strength * smoothstep(0.2, 0.3, from_middle))
    });
    paint_frame(canvas, dice, color);
    let floor = dice.between(0.6, 0.85) * SIZE;
    let floor_color = color * dice.pick(&[0.72, 1.22]);
    let board = color * dice.pick(&[0.6, 1.35]);
    canvas.blend(&Frame::PICTURE, 2.0 * SIZE, |point| {
        let skirting = smoothstep(floor + 6.0, floor + 7.0, point.y);
        (board.mix(floor_color, skirting), smoothstep(floor - 0.5, floor + 0.5, point.y))
    });
}

/// A framed picture (or a window) on the wall.
fn paint_frame(canvas: &mut Canvas, dice: &mut Dice, color: Color) {
    let center = vec2(dice.between(0.0, 1.0) * SIZE, dice.between(0.1, 0.4) * SIZE);
    let half = vec2(dice.between(22.0, 48.0), dice.between(22.0, 48.0));
    let (edge, inside) = (color * dice.pick(&[0.65, 1.3]), color * dice.between(0.75, 1.25));
    let frame = Frame { origin: center, ..Frame::PICTURE };
    let border = |point: Vec2| (point.x.abs() - half.x).max(point.y.abs() - half.y);
    canvas.fill(&frame, 60.0, edge, border);
    canvas.fill(&frame, 60.0, inside, |point| border(point) + 5.0);
}

/// Grass below the sky, with blades in front.
fn paint_meadow(canvas: &mut Canvas, dice: &mut Dice, color: Color) {
    let (horizon, hills) = (dice.between(0.35, 0.7) * SIZE, dice.noise());
    let grass = Color::new(0.56, 0.74, 0.42).with_luma((color.luma() * dice.pick(&[0.82, 1.15])).min(0.72));
    canvas.blend(&Frame::PICTURE, 2.0 * SIZE, |point| {
        let hill = horizon - 40.0 * hills.at(vec2(point.x / 90.0, 0.5));
        let depth = mix(0.85, 1.1, smoothstep(hill, SIZE, point.y));
        (grass * depth, smoothstep(hill - 0.7, hill + 0.7, point.y))
    });
    for _ in 0..420 {
        let row = dice.between(0.0, 1.0);
        let root = vec2(dice.between(0.0, SIZE), mix(horizon, SIZE + 10.0, row));
        let height = mix(3.0, 20.0, row);
        let tip = root + vec2(dice.between(-0.4, 0.4), -1.0) * height;
        canvas.hair(root, tip, mix(1.5, 3.5, row), grass * dice.between(0.8, 1.2), 0.8);
    }
}

/// Lights out of focus.
fn paint_lights(canvas: &mut Canvas, dice: &mut Dice, color: Color) {
    for _ in 0..26 {
        let radius = dice.between(8.0, 34.0);
        let center = vec2(dice.between(0.0, SIZE), dice.between(0.0, SIZE));
        let frame = Frame { origin: center, ..Frame::PICTURE };
        let (light, opacity) = (color * dice.pick(&[0.6, 0.75, 1.25, 1.4]), dice.between(0.12, 0.36));
        canvas.blend(&frame, radius + 3.0, |point| {
            (light, opacity * smoothstep(radius + 2.0, radius - 2.0, point.length()))
        });
    }
}

/// Large triangles and discs, so that neither corners nor curves by themselves tell the class.
fn paint_shapes(canvas: &mut Canvas, dice: &mut Dice, color: Color) {
    for _ in 0..9 {
        let size = dice.between(18.0, 60.0);
        let center = vec2(dice.between(0.0, SIZE), dice.between(0.0, SIZE));
        let frame = Frame::new(center, 1.0, dice.between(-1.0, 1.0));
        let paint = color * dice.between(0.77, 1.23);
        if dice.chance(0.5) {
            let corners = [vec2(-size, 0.6 * size), vec2(size, 0.6 * size), vec2(0.0, -size)];
            canvas.fill(&frame, 1.5 * size, paint, |point| triangle(point, corners, 3.0));
        } else {
            canvas.fill(&frame, size, paint, |point| point.length() - 0.8 * size);
        }
    }
}
