//! The definition of every kernel: plain loops, generic over `f32` and `f64`.
//!
//! In `f64` a reference is checked against finite differences and against golden numbers of an
//! independent framework; the WGSL and the fast CPU code are then checked against it. It is not
//! meant to be fast, and it imports nothing but its own module.
//!
//! Every kernel is a *gather*: it computes each item of its output from whole inputs. A reference
//! function therefore takes the range of output items to compute (`elements`, `rows`, `planes`, …)
//! and output slices that hold just those items. That is what one GPU thread does for one item, and
//! it lets a caller split the items over threads without changing a single rounding.

pub mod adam;
pub mod add;
pub mod augment;
pub mod average;
pub mod batch_norm;
pub mod binary_cross_entropy;
pub mod ceiling;
pub mod clip_norm;
pub mod conv2d;
pub mod conv2d_relu_pool;
pub mod dense;
pub mod dropout;
pub mod global_avg_pool;
pub mod input;
pub mod leaky_relu;
pub mod loss_scale;
pub mod max_pool2d;
pub mod random;
pub mod relu;
pub mod sigmoid;
pub mod softmax;
pub mod softmax_cross_entropy;

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// The two float types that a reference is written for.
pub trait Real:
    Copy
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    const ZERO: Self;
    const ONE: Self;
    /// From a `Params` field or a constant; exact for every `f32`.
    fn of(value: f32) -> Self;
    fn exp(self) -> Self;
    /// `ln(1 + self)`, accurate near zero.
    fn ln_1p(self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    fn is_nan(self) -> bool;
    fn is_finite(self) -> bool;
    /// The whole number next to it towards zero; what is too large becomes the largest, and NaN 0.
    fn as_i32(self) -> i32;
}

macro_rules! real {
    ($float:ty) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            fn of(value: f32) -> Self {
                value.into()
            }
            fn exp(self) -> Self {
                self.exp()
            }
            fn ln_1p(self) -> Self {
                self.ln_1p()
            }
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            fn abs(self) -> Self {
                self.abs()
            }
            fn is_nan(self) -> bool {
                self.is_nan()
            }
            fn is_finite(self) -> bool {
                self.is_finite()
            }
            fn as_i32(self) -> i32 {
                self as i32
            }
        }
    };
}
real!(f32);
real!(f64);

/// One field of a [`Params`] struct, as the shader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    /// The WGSL type, which has the same name in Rust: `u32`, `i32` or `f32`.
    pub kind: &'static str,
    /// Bytes from the start of the struct.
    pub offset: usize,
}

/// The sizes and constants of one kernel call: the same struct in Rust and in WGSL.
///
/// Declared by `params!`, which also tabulates the fields: a test compares that table with the
/// shader's struct, and `kernel` fills `override`s of the same name from it.
pub trait Params: Copy + std::fmt::Debug + Send + Sync + 'static {
    const FIELDS: &'static [Field];
    /// The struct's scalars, four bytes each, in the order of `FIELDS`.
    fn words(&self) -> Vec<u32>;
    /// The inverse of [`words`](Params::words).
    fn from_words(words: &[u32]) -> Self;
}

/// A 4-byte scalar of a `Params` struct.
pub trait Scalar: Copy {
    fn to_word(self) -> u32;
    fn from_word(word: u32) -> Self;
}
impl Scalar for u32 {
    fn to_word(self) -> u32 {
        self
    }
    fn from_word(word: u32) -> u32 {
        word
    }
}
impl Scalar for i32 {
    fn to_word(self) -> u32 {
        self as u32
    }
    fn from_word(word: u32) -> i32 {
        word as i32
    }
}
impl Scalar for f32 {
    fn to_word(self) -> u32 {
        self.to_bits()
    }
    fn from_word(word: u32) -> f32 {
        f32::from_bits(word)
    }
}

/// Declares a [`Params`](crate::reference::Params) struct of `u32`, `i32` and `f32` scalars.
#[macro_export]
macro_rules! params {
    ($(#[$doc:meta])* pub struct Params { $($(#[$field_doc:meta])* pub $name:ident: $kind:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[repr(C)]
        pub struct Params { $($(#[$field_doc])* pub $name: $kind,)+ }

        impl $crate::reference::Params for Params {
            const FIELDS: &'static [$crate::reference::Field] = &[$($crate::reference::Field {
                name: stringify!($name),
                kind: stringify!($kind),
                offset: std::mem::offset_of!(Params, $name),
            }),+];
            fn words(&self) -> Vec<u32> {
                vec![$($crate::reference::Scalar::to_word(self.$name)),+]
            }
            fn from_words(words: &[u32]) -> Self {
                let mut words = words.iter().copied();
                Params { $($name: $crate::reference::Scalar::from_word(
                    words.next().expect("one word per field"))),+ }
            }
        }
    };
}
pub(crate) use params;

/// Rows of one axis that a window reads: `o * stride - pad + k` where that lies inside `0..len`.
///
/// Coordinates are signed because a padded window starts before the picture.
pub(crate) fn source(o: usize, stride: u32, pad: i32, k: usize, len: u32) -> Option<usize> {
    let i = o as i64 * i64::from(stride) - i64::from(pad) + k as i64;
    (0..i64::from(len)).contains(&i).then_some(i as usize)
}

/// The inverse of [`source`]: the output coordinate whose window element `k` reads input `i`, if any.
pub(crate) fn target(i: usize, stride: u32, pad: i32, k: usize, out_len: u32) -> Option<usize> {
    let o_times_stride = i as i64 + i64::from(pad) - k as i64;
    if o_times_stride < 0 || o_times_stride % i64::from(stride) != 0 {
        return None;
    }
    let o = o_times_stride / i64::from(stride);
    (o < i64::from(out_len)).then_some(o as usize)
}
