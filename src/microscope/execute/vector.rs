//! Functions of whole vectors.

use super::packing;
use crate::microscope::instruction::Instruction;
use naga::MathFunction as Math;

/// The components of the largest argument, a matrix's, fit here.
const MOST: usize = 16;

/// Computes `i.imm` registers from `dst` on.
pub fn function(function: Math, i: &Instruction, r: &mut [u32]) {
    let (dst, n, results) = (usize::from(i.dst), usize::from(i.n).min(MOST), i.imm as usize);
    let read = |r: &[u32], from: u16| {
        let mut values = [0.0; MOST];
        for (k, value) in values.iter_mut().enumerate().take(n) {
            *value = f32::from_bits(r[usize::from(from) + k]);
        }
        values
    };
    let a = read(r, i.a);
    let dot = |a: &[f32], b: &[f32]| a[..n].iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    match function {
        Math::Length => set(r, dst, dot(&a, &a).sqrt()),
        Math::Normalize => {
            let length = dot(&a, &a).sqrt();
            (0..n).for_each(|k| set(r, dst + k, a[k] / length));
        }
        Math::Determinant => set(r, dst, determinant(&a[..n])),
        Math::Modf => {
            for (k, value) in a[..n].iter().enumerate() {
                set(r, dst + k, value.fract());
                set(r, dst + n + k, value.trunc());
            }
        }
        Math::Frexp => {
            for (k, &value) in a[..n].iter().enumerate() {
                let (fraction, exponent) = frexp(value);
                set(r, dst + k, fraction);
                r[dst + n + k] = exponent as u32;
            }
        }
        Math::Ldexp => {
            for (k, &value) in a[..n].iter().enumerate() {
                let exponent = r[usize::from(i.b) + k] as i32;
                r[dst + k] = ldexp(value, exponent).to_bits();
            }
        }
        Math::Distance | Math::Cross | Math::FaceForward | Math::Reflect | Math::Refract => {
            let third = f32::from_bits(r[usize::from(i.c)]);
            let (b, c) =
                (read(r, i.b), if function == Math::FaceForward { read(r, i.c) } else { [third; MOST] });
            let values: [f32; MOST] = match function {
                Math::Distance => {
                    let way: [f32; MOST] = std::array::from_fn(|k| a[k] - b[k]);
                    [dot(&way, &way).sqrt(); MOST]
                }
                Math::Cross => std::array::from_fn(|k| {
                    let (j, l) = ((k + 1) % 3, (k + 2) % 3);
                    a[j] * b[l] - b[j] * a[l]
                }),
                Math::FaceForward => {
                    let sign = if dot(&b, &c) < 0.0 { 1.0 } else { -1.0 };
                    a.map(|v| v * sign)
                }
                Math::Reflect => {
                    let along = 2.0 * dot(&b, &a);
                    std::array::from_fn(|k| a[k] - along * b[k])
                }
                _ => {
                    let along = dot(&b, &a);
                    let k = 1.0 - third * third * (1.0 - along * along);
                    let root = third * along + k.sqrt();
                    if k < 0.0 { [0.0; MOST] } else { std::array::from_fn(|j| third * a[j] - root * b[j]) }
                }
            };
            for (k, value) in values.iter().enumerate().take(results) {
                r[dst + k] = value.to_bits();
            }
        }
        _ if results > 1 => {
            let word = r[usize::from(i.a)];
            for k in 0..results {
                r[dst + k] = packing::unpack(function, word, k);
            }
        }
        _ => {
            let first = usize::from(i.a);
            r[dst] = packing::pack(function, &r[first..first + n], r[usize::from(i.b)]);
        }
    }
}

fn set(r: &mut [u32], register: usize, value: f32) {
    r[register] = value.to_bits();
}

/// A fraction of at least a half and less than one, and a power of two.
fn frexp(value: f32) -> (f32, i32) {
    if value == 0.0 || !value.is_finite() {
        return (value, 0);
    }
    // In f64 there are no subnormals of f32.
    let exponent = (f64::from(value).to_bits() >> 52 & 0x7ff) as i32 - 1022;
    ((f64::from(value) * f64::exp2(-f64::from(exponent))) as f32, exponent)
}

fn ldexp(value: f32, exponent: i32) -> f32 {
    (f64::from(value) * f64::exp2(f64::from(exponent.clamp(-400, 400)))) as f32
}

/// Of 2 x 2, 3 x 3 or 4 x 4 values, by the first row's cofactors.
fn determinant(m: &[f32]) -> f32 {
    let side = match m.len() {
        4 => 2,
        9 => 3,
        16 => 4,
        _ => return m.first().copied().unwrap_or(f32::NAN),
    };
    let cofactor = |left_out: usize| {
        let columns = (0..side).filter(|&column| column != left_out);
        let rest: Vec<f32> =
            columns.flat_map(|column| (1..side).map(move |row| m[column * side + row])).collect();
        let sign = if left_out.is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * m[left_out * side] * determinant(&rest)
    };
    (0..side).map(cofactor).sum()
}
