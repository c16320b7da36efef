//! What kernels compute on the CPU: slices of floats or integers, in the order of a kernel's names.

use crate::reference::Real;

/// A buffer that is read. `T` is what stands for the shader's `f32`.
#[derive(Clone, Copy)]
pub enum Input<'a, T> {
    Float(&'a [T]),
    Uint(&'a [u32]),
}

/// A buffer that is written.
pub enum Output<'a, T> {
    Float(&'a mut [T]),
    Uint(&'a mut [u32]),
}

/// What the arguments of a reference function are taken from.
pub trait FromInput<'a, T>: Sized {
    fn from_input(input: Input<'a, T>) -> Self;
}
impl<'a, T: Real> FromInput<'a, T> for &'a [T] {
    fn from_input(input: Input<'a, T>) -> Self {
        match input {
            Input::Float(values) => values,
            Input::Uint(_) => panic!("a kernel wants f32 where it was given u32"),
        }
    }
}
impl<'a, T: Real> FromInput<'a, T> for &'a [u32] {
    fn from_input(input: Input<'a, T>) -> Self {
        match input {
            Input::Uint(values) => values,
            Input::Float(_) => panic!("a kernel wants u32 where it was given f32"),
        }
    }
}
/// As [`FromInput`], for outputs.
pub trait FromOutput<'a, T>: Sized {
    fn from_output(output: &'a mut Output<'_, T>) -> Self;
}
impl<'a, T: Real> FromOutput<'a, T> for &'a mut [T] {
    fn from_output(output: &'a mut Output<'_, T>) -> Self {
        match output {
            Output::Float(values) => values,
            Output::Uint(_) => panic!("a kernel wants f32 where it was given u32"),
        }
    }
}
impl<'a, T: Real> FromOutput<'a, T> for &'a mut [u32] {
    fn from_output(output: &'a mut Output<'_, T>) -> Self {
        match output {
            Output::Uint(values) => values,
            Output::Float(_) => panic!("a kernel wants u32 where it was given f32"),
        }
    }
}
