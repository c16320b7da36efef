//! A function and its gradient: values go through operations, a tape records them, backward walks the tape back.
//!
//!     cargo run --release --example tape

use pawgrad::device::Device;
use pawgrad::ops::add::{accumulate, add};
use pawgrad::ops::sigmoid::sigmoid;
use pawgrad::tape::Tape;
use pawgrad::tensor::Tensor;

fn main() -> pawgrad::error::Result<()> {
    let device = Device::cpu();
    let tape = Tape::new(&device, accumulate);

    // y = x + sigmoid(x), for three values of x at once.
    let x = tape.parameter(&Tensor::from_f32(&device, &[3], &[-1.0, 0.0, 2.0])?);
    let y = add(&tape, &x, &sigmoid(&tape, &x)?)?;

    // x is used twice. The tape adds up what comes back on both ways: dy/dx = 1 + s(x) (1 - s(x)).
    let upstream = Tensor::from_f32(&device, &[3], &[1.0; 3])?;
    let dx = tape.backward(&y, upstream)?.take(&x).expect("y depends on x");

    let (y, dx) = (pollster::block_on(y.tensor.read_f32())?, pollster::block_on(dx.read_f32())?);
    println!("y      {y:?}\ndy/dx  {dx:?}");
    assert_eq!((y[1], dx[1]), (0.5, 1.25));
    Ok(())
}
