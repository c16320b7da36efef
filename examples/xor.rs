//! A network of two dense layers learns "one or the other, but not both": own numbers, no pictures.
//!
//!     cargo run --release --example xor

use pawgrad::device::Device;
use pawgrad::error::Result;
use pawgrad::ops::add::accumulate;
use pawgrad::ops::binary_cross_entropy::binary_cross_entropy;
use pawgrad::ops::{dense::dense, relu::relu, sigmoid::sigmoid};
use pawgrad::optim::Adam;
use pawgrad::random::generator;
use pawgrad::tape::{Tape, Var};
use pawgrad::tensor::Tensor;
use rand::RngExt;

const HIDDEN: usize = 8;
const STEPS: usize = 200;

fn main() -> Result<()> {
    pollster::block_on(run())
}

async fn run() -> Result<()> {
    let device = Device::cpu();
    let x = Tensor::from_f32(&device, &[4, 2], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
    let labels = Tensor::from_u32(&device, &[4], &[0, 1, 1, 0])?;
    // Both classes count alike.
    let weights = Tensor::from_f32(&device, &[2], &[1.0, 1.0])?;

    // First values: small random weights, biases of zero. Weights are [out, in].
    let mut random = generator(1, "xor", 0);
    let mut tensor = |shape: &[usize], limit: f32| {
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|_| (random.random::<f32>() * 2.0 - 1.0) * limit).collect();
        Tensor::from_f32(&device, shape, &values)
    };
    let (w1, b1) = (tensor(&[HIDDEN, 2], 1.0)?, tensor(&[HIDDEN], 0.0)?);
    let (w2, b2) = (tensor(&[1, HIDDEN], 1.0)?, tensor(&[1], 0.0)?);
    let parameters = [&w1, &b1, &w2, &b2];
    let mut adam = Adam::new(&parameters, 0.05)?;

    let mut last_loss = f32::INFINITY;
    for step in 0..=STEPS {
        let tape = Tape::new(&device, accumulate);
        let vars = parameters.map(|tensor| tape.parameter(tensor));
        let logits = network(&tape, &tape.constant(&x), &vars)?;
        let (loss, _hits) = binary_cross_entropy(&tape, &logits, &labels, &weights, 4, 0.0)?;
        if step % 50 == 0 {
            let value = loss.tensor.read_f32().await?[0];
            println!("step {step:3}  loss {value:.4}");
            assert!(value < last_loss, "the loss falls");
            last_loss = value;
        }
        let one = Tensor::from_f32(&device, &[1], &[1.0])?;
        let mut found = tape.backward(&loss, one)?;
        let gradients = vars.map(|var| found.take(&var).expect("the loss depends on every parameter"));
        adam.apply(&parameters, &gradients)?;
    }

    let tape = Tape::new(&device, accumulate);
    let vars = parameters.map(|tensor| tape.constant(tensor));
    let logits = network(&tape, &tape.constant(&x), &vars)?;
    let answers = sigmoid(&tape, &logits)?.tensor.read_f32().await?;
    for (inputs, answer) in ["0 0", "0 1", "1 0", "1 1"].iter().zip(&answers) {
        println!("{inputs} -> {answer:.3}");
    }
    let wanted = [false, true, true, false];
    assert!(answers.iter().zip(wanted).all(|(answer, wanted)| (*answer > 0.5) == wanted), "{answers:?}");
    Ok(())
}

/// The logits `[4, 1]` of x `[4, 2]`.
fn network(tape: &Tape, x: &Var, [w1, b1, w2, b2]: &[Var; 4]) -> Result<Var> {
    let hidden = relu(tape, &dense(tape, x, w1, b1)?)?;
    dense(tape, &hidden, w2, b2)
}
