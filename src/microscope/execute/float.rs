//! Functions of floats, one by one. Halves come and go as the f32 of the same value.

use naga::MathFunction as Math;

/// A function of up to three values; `is_half` where the result is rounded to a half afterwards.
pub fn function(function: Math, [a, b, c]: [f32; 3], is_half: bool) -> f32 {
    match function {
        Math::Abs => a.abs(),
        Math::Min => a.min(b),
        Math::Max => a.max(b),
        Math::Clamp => a.max(b).min(c),
        Math::Saturate => a.clamp(0.0, 1.0),
        Math::Cos => a.cos(),
        Math::Cosh => a.cosh(),
        Math::Sin => a.sin(),
        Math::Sinh => a.sinh(),
        Math::Tan => a.tan(),
        Math::Tanh => a.tanh(),
        Math::Acos => a.acos(),
        Math::Asin => a.asin(),
        Math::Atan => a.atan(),
        Math::Atan2 => a.atan2(b),
        Math::Asinh => a.asinh(),
        Math::Acosh => a.acosh(),
        Math::Atanh => a.atanh(),
        Math::Radians => a.to_radians(),
        Math::Degrees => a.to_degrees(),
        Math::Ceil => a.ceil(),
        Math::Floor => a.floor(),
        Math::Round => a.round_ties_even(),
        Math::Fract => a - a.floor(),
        Math::Trunc => a.trunc(),
        Math::Exp => a.exp(),
        Math::Exp2 => a.exp2(),
        Math::Log => a.ln(),
        Math::Log2 => a.log2(),
        Math::Pow => a.powf(b),
        Math::Sign => {
            if a > 0.0 {
                1.0
            } else if a < 0.0 {
                -1.0
            } else {
                0.0
            }
        }
        // Of halves, the product and nearly every sum are exact in f64: it is rounded once.
        Math::Fma if is_half => half::f16::from_f64(f64::from(a) * f64::from(b) + f64::from(c)).to_f32(),
        Math::Fma => a.mul_add(b, c),
        Math::Mix => a * (1.0 - c) + b * c,
        Math::Step => {
            if a <= b {
                1.0
            } else {
                0.0
            }
        }
        Math::SmoothStep => {
            let t = ((c - a) / (b - a)).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        }
        Math::Sqrt => a.sqrt(),
        Math::InverseSqrt => 1.0 / a.sqrt(),
        Math::QuantizeToF16 => half::f16::from_f32(a).to_f32(),
        // All others are compiled to something else.
        _ => f32::NAN,
    }
}
