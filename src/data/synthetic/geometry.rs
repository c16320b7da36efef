//! Points, frames and signed distances. Only operations that IEEE 754 rounds exactly are used (no sine,
//! exponential or power of the system's mathematics library), so that every machine draws the same picture.

use std::ops::{Add, Mul, Neg, Sub};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vec2 {
    pub x: f32,
    pub y: f32,
}

pub const fn vec2(x: f32, y: f32) -> Vec2 {
    Vec2 { x, y }
}

impl Vec2 {
    /// The unit vector at `angle` radians from the x axis: (cosine, sine), by the half-angle formula with the
    /// start of the tangent's series. The length is always 1; the angle is right to 1 % up to one radian.
    pub fn at_angle(angle: f32) -> Self {
        let half = angle / 2.0;
        let tangent = half * (1.0 + half * half / 3.0);
        let square = tangent * tangent;
        vec2((1.0 - square) / (1.0 + square), 2.0 * tangent / (1.0 + square))
    }

    pub fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y
    }

    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The vector of length 1 in the same direction; zero stays (nearly) zero.
    pub fn unit(self) -> Self {
        self * (1.0 / self.length().max(1e-6))
    }
}

impl Add for Vec2 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        vec2(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Vec2 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        vec2(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f32> for Vec2 {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        vec2(self.x * factor, self.y * factor)
    }
}

impl Neg for Vec2 {
    type Output = Self;
    fn neg(self) -> Self {
        vec2(-self.x, -self.y)
    }
}

/// A plane coordinate system laid over the picture: where its origin lies and where its axes point, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub origin: Vec2,
    pub x_axis: Vec2,
    pub y_axis: Vec2,
}

impl Frame {
    /// The picture itself: x to the right and y down, in pixels.
    pub const PICTURE: Self = Self { origin: vec2(0.0, 0.0), x_axis: vec2(1.0, 0.0), y_axis: vec2(0.0, 1.0) };

    /// A frame whose unit is `unit` pixels, turned clockwise by `angle` radians.
    pub fn new(origin: Vec2, unit: f32, angle: f32) -> Self {
        Self { origin, ..Self::PICTURE }.child(vec2(0.0, 0.0), angle, vec2(unit, unit))
    }

    /// A frame inside this one: at `origin`, turned clockwise by `angle` radians, its axes stretched by `stretch`.
    pub fn child(&self, origin: Vec2, angle: f32, stretch: Vec2) -> Self {
        let along = Vec2::at_angle(angle);
        let across = vec2(-along.y, along.x);
        Self {
            origin: self.to_pixels(origin),
            x_axis: self.direction(along) * stretch.x,
            y_axis: self.direction(across) * stretch.y,
        }
    }

    fn direction(&self, local: Vec2) -> Vec2 {
        self.x_axis * local.x + self.y_axis * local.y
    }

    pub fn to_pixels(self, local: Vec2) -> Vec2 {
        self.origin + self.direction(local)
    }

    fn area(&self) -> f32 {
        self.x_axis.x * self.y_axis.y - self.x_axis.y * self.y_axis.x
    }

    pub fn to_local(self, pixel: Vec2) -> Vec2 {
        let offset = pixel - self.origin;
        let x = offset.x * self.y_axis.y - offset.y * self.y_axis.x;
        let y = offset.y * self.x_axis.x - offset.x * self.x_axis.y;
        vec2(x, y) * (1.0 / self.area())
    }

    /// Pixels per unit length (the geometric mean over the directions, when the axes are stretched).
    pub fn pixels_per_unit(&self) -> f32 {
        self.area().abs().sqrt()
    }

    /// How much of the pixel at signed distance `distance` a shape covers when its edge is one pixel soft.
    pub fn coverage(&self, distance: f32) -> f32 {
        (0.5 - distance * self.pixels_per_unit()).clamp(0.0, 1.0)
    }
}

/// Signed distance (negative inside) to an axis-aligned ellipse; exact at the edge, approximate elsewhere.
pub fn ellipse(point: Vec2, center: Vec2, radii: Vec2) -> f32 {
    let offset = point - center;
    let scaled = vec2(offset.x / radii.x, offset.y / radii.y);
    let slope = vec2(scaled.x / radii.x, scaled.y / radii.y).length();
    if slope < 1e-6 {
        return -radii.x.min(radii.y);
    }
    let relative = scaled.length();
    relative * (relative - 1.0) / slope
}

/// Signed distance to a segment from `start` to `end` that is `start_radius` thick at one end and `end_radius` at
/// the other.
pub fn tapered(point: Vec2, (start, start_radius): (Vec2, f32), (end, end_radius): (Vec2, f32)) -> f32 {
    let along = end - start;
    let position = ((point - start).dot(along) / along.dot(along)).clamp(0.0, 1.0);
    (point - start - along * position).length() - mix(start_radius, end_radius, position)
}

/// Signed distance to a triangle with corners rounded by `rounding`.
pub fn triangle(point: Vec2, corners: [Vec2; 3], rounding: f32) -> f32 {
    let mut nearest = f32::MAX;
    let mut side = [0.0; 3];
    for (index, &corner) in corners.iter().enumerate() {
        let edge = corners[(index + 1) % 3] - corner;
        let offset = point - corner;
        let position = (offset.dot(edge) / edge.dot(edge)).clamp(0.0, 1.0);
        nearest = nearest.min((offset - edge * position).length());
        side[index] = edge.x * offset.y - edge.y * offset.x;
    }
    let inside = side.iter().all(|&s| s >= 0.0) || side.iter().all(|&s| s <= 0.0);
    (if inside { -nearest } else { nearest }) - rounding
}

/// Joins two signed distances, rounding the seam over about `blend`.
pub fn smooth_union(a: f32, b: f32, blend: f32) -> f32 {
    let overlap = (blend - (a - b).abs()).max(0.0) / blend;
    a.min(b) - overlap * overlap * blend / 4.0
}

/// 0 below `low`, 1 above `high`, and a smooth step between (`low` may be the greater: then it falls).
pub fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let position = ((value - low) / (high - low)).clamp(0.0, 1.0);
    position * position * (3.0 - 2.0 * position)
}

pub fn mix(from: f32, to: f32, position: f32) -> f32 {
    from + (to - from) * position
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_angle_is_near_cosine_and_sine() {
        for angle in [-1.0_f32, -0.3, 0.0, 0.4, 1.0] {
            let error = Vec2::at_angle(angle) - vec2(angle.cos(), angle.sin());
            assert!(error.length() < 0.01, "{angle}: {error:?}");
        }
    }

    #[test]
    fn frames_lead_to_pixels_and_back() {
        let frame = Frame::new(vec2(90.0, 120.0), 60.0, 0.3).child(vec2(0.4, -0.2), -0.5, vec2(0.7, 1.0));
        let point = vec2(0.25, -0.6);
        assert!((frame.to_local(frame.to_pixels(point)) - point).length() < 1e-5);
    }

    #[test]
    fn distances_are_negative_inside_zero_on_the_edge_and_positive_outside() {
        let corners = [vec2(-1.0, 0.0), vec2(1.0, 0.0), vec2(0.0, -2.0)];
        let middle = vec2(0.0, -0.5);
        assert!(ellipse(middle, middle, vec2(2.0, 1.0)) < 0.0);
        assert_eq!(ellipse(vec2(2.0, 0.0), vec2(0.0, 0.0), vec2(2.0, 1.0)), 0.0);
        assert!(triangle(middle, corners, 0.0) < 0.0);
        assert!((triangle(vec2(0.0, 1.0), corners, 0.25) - 0.75).abs() < 1e-6);
        assert!((tapered(vec2(2.0, 0.5), (vec2(0.0, 0.0), 1.0), (vec2(4.0, 0.0), 0.0))).abs() < 1e-6);
    }
}
