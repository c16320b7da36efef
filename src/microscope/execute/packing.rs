//! Small numbers in one word.

use naga::MathFunction as Math;

/// A word of up to four values, or what two words make together.
pub fn pack(function: Math, values: &[u32], other: u32) -> u32 {
    let float = |k: usize| f32::from_bits(values[k]);
    let bytes = |f: &dyn Fn(usize) -> u8| u32::from_le_bytes(std::array::from_fn(f));
    let halves = |f: &dyn Fn(usize) -> u16| u32::from(f(0)) | u32::from(f(1)) << 16;
    match function {
        Math::Pack4x8snorm => bytes(&|k| (0.5 + 127.0 * float(k).clamp(-1.0, 1.0)).floor() as i8 as u8),
        Math::Pack4x8unorm => bytes(&|k| (0.5 + 255.0 * float(k).clamp(0.0, 1.0)).floor() as u8),
        Math::Pack2x16snorm => halves(&|k| (0.5 + 32767.0 * float(k).clamp(-1.0, 1.0)).floor() as i16 as u16),
        Math::Pack2x16unorm => halves(&|k| (0.5 + 65535.0 * float(k).clamp(0.0, 1.0)).floor() as u16),
        Math::Pack2x16float => halves(&|k| half::f16::from_f32(float(k)).to_bits()),
        Math::Pack4xI8 | Math::Pack4xU8 => bytes(&|k| values[k] as u8),
        Math::Pack4xI8Clamp => bytes(&|k| (values[k] as i32).clamp(-128, 127) as u8),
        Math::Pack4xU8Clamp => bytes(&|k| values[k].min(255) as u8),
        Math::Dot4I8Packed => {
            let (a, b) = (values[0].to_le_bytes(), other.to_le_bytes());
            (0..4).map(|k| i32::from(a[k] as i8) * i32::from(b[k] as i8)).sum::<i32>() as u32
        }
        Math::Dot4U8Packed => {
            let (a, b) = (values[0].to_le_bytes(), other.to_le_bytes());
            (0..4).map(|k| u32::from(a[k]) * u32::from(b[k])).sum()
        }
        _ => 0,
    }
}

/// Value `k` of a word.
pub fn unpack(function: Math, word: u32, k: usize) -> u32 {
    let byte = word.to_le_bytes()[k & 3];
    let half_word = (word >> (16 * (k & 1))) as u16;
    match function {
        Math::Unpack4x8snorm => (f32::from(byte as i8) / 127.0).max(-1.0).to_bits(),
        Math::Unpack4x8unorm => (f32::from(byte) / 255.0).to_bits(),
        Math::Unpack2x16snorm => (f32::from(half_word as i16) / 32767.0).max(-1.0).to_bits(),
        Math::Unpack2x16unorm => (f32::from(half_word) / 65535.0).to_bits(),
        Math::Unpack2x16float => half::f16::from_bits(half_word).to_f32().to_bits(),
        Math::Unpack4xI8 => i32::from(byte as i8) as u32,
        Math::Unpack4xU8 => u32::from(byte),
        _ => 0,
    }
}
