//! One table of cases, used by the tests, the benches and `pawgrad gradcheck`.
//!
//! - [`cases`] lists sizes for every kernel, each with the reason why it is there.
//! - [`gradient`] checks the references' backward functions against finite differences, in f64.
//! - [`kernels`] runs a kernel on a device and compares it with the reference, element by element.

pub mod cases;
pub mod compare;
pub mod erased;
pub mod gradient;
pub mod kernels;

pub use cases::{Case, all};
