//! The tape: values used twice, diamonds, what is not needed, and ops that return nonsense.

use pawgrad::device::Device;
use pawgrad::ops::add::{accumulate, add};
use pawgrad::ops::relu::relu;
use pawgrad::ops::sigmoid::sigmoid;
use pawgrad::tape::{Tape, Var};
use pawgrad::tensor::Tensor;

fn tape() -> Tape {
    Tape::new(&Device::cpu(), accumulate)
}

fn tensor(values: &[f32]) -> Tensor {
    Tensor::from_f32(&Device::cpu(), &[values.len()], values).unwrap()
}

fn gradients<const N: usize>(tape: Tape, output: &Var, dy: &[f32], of: [&Var; N]) -> [Vec<f32>; N] {
    let mut found = tape.backward(output, tensor(dy)).unwrap();
    of.map(|var| pollster::block_on(found.take(var).unwrap().read_f32()).unwrap())
}

#[test]
fn a_value_used_twice_gets_both_gradients() {
    let tape = tape();
    let x = tape.parameter(&tensor(&[1.0, -2.0]));
    let y = add(&tape, &x, &x).unwrap();
    assert_eq!(gradients(tape, &y, &[1.0, 10.0], [&x]), [[2.0, 20.0]]);
}

#[test]
fn a_gradient_shared_by_two_inputs_is_not_written_twice() {
    // add returns one and the same tensor for a and b; adding to that of a must not change that of b.
    let tape = tape();
    let a = tape.parameter(&tensor(&[1.0]));
    let b = tape.parameter(&tensor(&[2.0]));
    let inner = add(&tape, &a, &b).unwrap();
    let y = add(&tape, &inner, &a).unwrap();
    assert_eq!(gradients(tape, &y, &[3.0], [&a, &b]), [[6.0], [3.0]]);
}

#[test]
fn a_diamond_meets_again() {
    // y = relu(x) + sigmoid(x)
    let tape = tape();
    let x = tape.parameter(&tensor(&[0.0, 2.0]));
    let y = add(&tape, &relu(&tape, &x).unwrap(), &sigmoid(&tape, &x).unwrap()).unwrap();
    let [dx] = gradients(tape, &y, &[1.0, 1.0], [&x]);
    let s = 1.0 / (1.0 + (-2.0f32).exp());
    assert_eq!(dx[0], 0.25);
    assert!((dx[1] - (1.0 + s * (1.0 - s))).abs() < 1e-6, "{dx:?}");
}

#[test]
fn the_gradient_of_a_value_that_was_computed_is_kept_where_it_is_asked_for() {
    // y = 2 relu(x) + sigmoid(relu(x)), kept in the middle and at the end; others are forgotten.
    let tape = tape();
    let x = tape.parameter(&tensor(&[-1.0, 2.0]));
    let middle = relu(&tape, &x).unwrap();
    let twice = add(&tape, &middle, &middle).unwrap();
    let y = add(&tape, &twice, &sigmoid(&tape, &middle).unwrap()).unwrap();
    tape.keep(&middle);
    tape.keep(&y);
    let mut found = tape.backward(&y, tensor(&[1.0, 3.0])).unwrap();
    assert!(found.take(&twice).is_none());
    let [dx, dm, dy] =
        [&x, &middle, &y].map(|var| pollster::block_on(found.take(var).unwrap().read_f32()).unwrap());
    let s = 1.0 / (1.0 + (-2.0f32).exp());
    assert_eq!((dy, dm[0], dx[0]), (vec![1.0, 3.0], 2.25, 0.0));
    assert!((dm[1] - 3.0 * (2.0 + s * (1.0 - s))).abs() < 1e-6 && dx[1] == dm[1], "{dm:?} {dx:?}");
}

#[test]
fn constants_get_no_gradient_and_record_nothing() {
    let tape = tape();
    let x = tape.constant(&tensor(&[1.0]));
    let y = relu(&tape, &x).unwrap();
    assert!(!y.needs_grad());
    // Nothing but the output itself is known, so its input has none.
    let mut found = tape.backward(&y, tensor(&[1.0])).unwrap();
    assert!(found.take(&x).is_none());
}

#[test]
fn ops_are_told_which_gradients_are_needed() {
    let tape = tape();
    let x = tape.constant(&tensor(&[1.0]));
    let w = tape.parameter(&tensor(&[1.0]));
    let y = tape.record("probe", &[&x, &w], tensor(&[1.0]), |dy, needs| {
        assert_eq!(needs, [false, true]);
        Ok(vec![None, Some(dy.clone())])
    });
    assert_eq!(gradients(tape, &y, &[5.0], [&w]), [[5.0]]);
}

#[test]
fn a_parameter_that_the_output_does_not_depend_on_has_no_gradient() {
    let tape = tape();
    let x = tape.parameter(&tensor(&[1.0]));
    let unused = tape.parameter(&tensor(&[1.0]));
    let y = relu(&tape, &x).unwrap();
    let mut found = tape.backward(&y, tensor(&[1.0])).unwrap();
    assert!(found.take(&x).is_some() && found.take(&unused).is_none());
}

/// What backward says of an op that returns `gradients` for one input of one value.
fn complaint(gradients: Vec<Option<Tensor>>) -> String {
    let tape = tape();
    let x = tape.parameter(&tensor(&[1.0]));
    let y = tape.record("broken", &[&x], tensor(&[1.0]), move |_, _| Ok(gradients));
    tape.backward(&y, tensor(&[1.0])).err().expect("an error").message
}

#[test]
fn nonsense_from_an_op_is_named() {
    assert_eq!(complaint(vec![]), "broken returned 0 gradients for 1 inputs");
    assert_eq!(complaint(vec![None]), "broken returned no gradient where one is needed");
    let shape = complaint(vec![Some(tensor(&[1.0, 2.0]))]);
    assert_eq!(shape, "broken: a gradient of shape [2] for a value of shape [1]");
}

#[test]
fn the_first_gradient_must_fit_the_output() {
    let tape = tape();
    let x = tape.parameter(&tensor(&[1.0, 2.0]));
    let y = relu(&tape, &x).unwrap();
    assert!(tape.backward(&y, tensor(&[1.0])).is_err());
}
