//! pawgrad: a convolutional-network engine written from scratch on GPU compute shaders.

pub mod check;
pub mod cpu;
pub mod device;
pub mod error;
pub mod kernel;
pub mod model;
pub mod ops;
pub mod optim;
pub mod random;
pub mod reference;
pub mod tape;
pub mod tensor;
