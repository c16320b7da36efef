//! What kernels compute on the CPU: slices of floats or integers, in the order of a kernel's buffers.

/// A buffer that is read. `T` is what stands for the shader's `f32`.
#[derive(Clone, Copy)]
pub enum Input<'a, T> {
    Float(&'a [T]),
    Uint(&'a [u32]),
}

impl<'a, T> Input<'a, T> {
    pub fn floats(self) -> &'a [T] {
        match self {
            Input::Float(values) => values,
            Input::Uint(_) => panic!("f32 is wanted here, not u32"),
        }
    }

    pub fn uints(self) -> &'a [u32] {
        match self {
            Input::Uint(values) => values,
            Input::Float(_) => panic!("u32 is wanted here, not f32"),
        }
    }
}

/// A buffer that is written.
pub enum Output<'a, T> {
    Float(&'a mut [T]),
    Uint(&'a mut [u32]),
}

impl<T> Output<'_, T> {
    pub fn floats(&mut self) -> &mut [T] {
        match self {
            Output::Float(values) => values,
            Output::Uint(_) => panic!("f32 is wanted here, not u32"),
        }
    }

    pub fn uints(&mut self) -> &mut [u32] {
        match self {
            Output::Uint(values) => values,
            Output::Float(_) => panic!("u32 is wanted here, not f32"),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Output::Float(values) => values.len(),
            Output::Uint(values) => values.len(),
        }
    }
}
