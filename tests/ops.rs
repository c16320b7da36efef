//! What ops say to shapes that do not fit, and what they do with NaN.

mod common;

use pawgrad::device::{Device, DeviceKind};
use pawgrad::error::{ErrorKind, Result};
use pawgrad::ops;
use pawgrad::ops::batch_norm::Norm;
use pawgrad::ops::conv2d::Padding;
use pawgrad::reference::augment::{IDENTITY, ROW};
use pawgrad::tape::{Tape, Var};
use pawgrad::tensor::{Kind, Tensor};

fn tape(device: &Device) -> Tape {
    Tape::new(device, ops::add::accumulate)
}

fn zeros(tape: &Tape, shape: &[usize]) -> Var {
    tape.parameter(&Tensor::from_f32(tape.device(), shape, &vec![0.0; shape.iter().product()]).unwrap())
}

fn message(result: Result<Var>) -> String {
    result.expect_err("an error").message
}

#[test]
fn an_error_names_the_op_and_both_shapes() {
    let tape = tape(&Device::cpu());
    let v = |shape: &[usize]| zeros(&tape, shape);
    let conv = |x, w, b| message(ops::conv2d::conv2d(&tape, &x, &w, &b, [1, 1], Padding::Same));
    assert_eq!(
        conv(v(&[1, 2, 8, 8]), v(&[4, 3, 3, 3]), v(&[4])),
        "conv2d: x [1, 2, 8, 8] needs w as [out, 2, height, width] and b as [out], not [4, 3, 3, 3] and [4]"
    );
    assert!(conv(v(&[8, 8]), v(&[4, 3, 3, 3]), v(&[4])).contains("[8, 8]"));
    assert!(conv(v(&[1, 3, 8, 8]), v(&[4, 3, 3, 3]), v(&[5])).contains("[5]"));
    let narrow =
        ops::conv2d::conv2d(&tape, &v(&[1, 1, 2, 2]), &v(&[1, 1, 3, 3]), &v(&[1]), [1, 1], Padding::Valid);
    assert!(message(narrow).contains("does not fit pictures of 2x2"));
    let dense = ops::dense::dense(&tape, &v(&[2, 5]), &v(&[3, 4]), &v(&[3]));
    assert_eq!(message(dense), "dense: x [2, 5] needs w as [out, 5] and b as [out], not [3, 4] and [3]");
    let pool = ops::max_pool2d::max_pool2d(&tape, &v(&[1, 1, 4, 4]), [5, 2], [1, 1]);
    assert!(message(pool).contains("window [5, 2]"));
    assert!(message(ops::add::add(&tape, &v(&[2]), &v(&[3]))).contains("[2] and [3]"));
    let fused = ops::conv2d_relu_pool::conv2d_relu_pool(
        &tape,
        &v(&[1, 1, 4, 4]),
        &v(&[1, 1, 3, 3]),
        &v(&[1]),
        [1, 1],
        Padding::Same,
        17,
    );
    assert!(message(fused).contains("17"));
    let pool = ops::global_avg_pool::global_avg_pool(&tape, &v(&[2, 3]));
    assert!(
        message(pool).contains("global_avg_pool takes x as [batch, channels, height, width], not [2, 3]")
    );
    let softmax = ops::softmax::softmax(&tape, &v(&[2, 3, 1]));
    assert!(message(softmax).contains("softmax takes x as [batch, features], not [2, 3, 1]"));
    let labels = Tensor::from_u32(tape.device(), &[3], &[0; 3]).unwrap();
    let loss = ops::softmax_cross_entropy::softmax_cross_entropy(
        &tape,
        &v(&[2, 3]),
        &labels,
        &v(&[3]).tensor,
        2,
        0.0,
    );
    let message_of_loss = message(loss.map(|(loss, _)| loss));
    assert_eq!(message_of_loss, "softmax_cross_entropy takes a label for each row of x [2, 3], not [3]");
    let loss = ops::softmax_cross_entropy::softmax_cross_entropy(
        &tape,
        &v(&[3, 2]),
        &labels,
        &v(&[3]).tensor,
        3,
        0.0,
    );
    let message_of_loss = message(loss.map(|(loss, _)| loss));
    assert_eq!(message_of_loss, "softmax_cross_entropy takes a weight for each of 2 classes, not [3]");
    let loss =
        ops::binary_cross_entropy::binary_cross_entropy(&tape, &v(&[3, 1]), &labels, &v(&[1]).tensor, 3, 0.0);
    let message_of_loss = message(loss.map(|(loss, _)| loss));
    assert_eq!(message_of_loss, "binary_cross_entropy takes a weight for each of two classes, not [1]");
    let (gamma, beta, moving) = (v(&[3]), v(&[2]), v(&[3]));
    let norm = Norm {
        gamma: &gamma,
        beta: &beta,
        moving_mean: &moving.tensor,
        moving_variance: &moving.tensor,
        momentum: 0.99,
        epsilon: 1e-3,
    };
    let of = |shape: &[usize]| message(ops::batch_norm::batch_norm(&tape, &v(shape), &norm, false));
    assert!(
        of(&[2, 3])
            .contains("x [2, 3] needs gamma, beta, mean and variance as [3], not [3], [2], [3] and [3]")
    );
    assert!(of(&[2, 3, 4]).contains("not [2, 3, 4]"));
}

/// Loss, hits and gradient of one row of logits.
fn cross_entropy(device: &Device, logits: &[f32], label: u32) -> (f32, u32, Vec<f32>) {
    let tape = tape(device);
    let x = tape.parameter(&Tensor::from_f32(device, &[1, logits.len()], logits).unwrap());
    let labels = Tensor::from_u32(device, &[1], &[label]).unwrap();
    let even = Tensor::from_f32(device, &[logits.len()], &vec![1.0; logits.len()]).unwrap();
    let (loss, hits) =
        ops::softmax_cross_entropy::softmax_cross_entropy(&tape, &x, &labels, &even, 1, 0.0).unwrap();
    let one = Tensor::from_f32(device, &[1], &[1.0]).unwrap();
    let mut gradients = tape.backward(&loss, one).unwrap();
    let read = |tensor: &Tensor| pollster::block_on(tensor.read_f32()).unwrap();
    let hits = pollster::block_on(hits.read_u32()).unwrap()[0];
    (read(&loss.tensor)[0], hits, read(&gradients.take(&x).unwrap()))
}

#[test]
fn softmax_of_large_logits_is_stable_and_a_nan_passes_on() {
    for device in [Device::cpu(), common::software()] {
        // Both sides of where the threads of a group share a row.
        for classes in [2, 5, 40, 1000] {
            let mut logits = vec![-1e4f32; classes];
            logits[1] = 1e4;
            let name = format!("softmax_cross_entropy.forward, {classes} classes on {}", device.name());
            let (loss, hits, dx) = cross_entropy(&device, &logits, 1);
            assert!(loss == 0.0 && hits == 1 && dx.iter().all(|dx| *dx == 0.0), "{name}: {loss} {dx:?}");
            let (loss, hits, dx) = cross_entropy(&device, &logits, 0);
            assert!(loss == 2e4 && hits == 0 && dx[..2] == [-1.0, 1.0], "{name}: {loss} {dx:?}");

            // Equal logits: the first is taken.
            let equal = vec![7.0f32; classes];
            assert_eq!(cross_entropy(&device, &equal, 0).1, 1, "{name}");
            assert_eq!(cross_entropy(&device, &equal, 1).1, 0, "{name}");

            for at in [0, 1, classes - 1] {
                let mut logits = vec![1.0; classes];
                logits[at] = f32::NAN;
                for label in [0, 1, classes as u32 - 1] {
                    let (loss, hits, dx) = cross_entropy(&device, &logits, label);
                    assert!(loss.is_nan() && hits == 0, "{name}, NaN at {at}, label {label}: {loss} {hits}");
                    assert!(dx.iter().any(|dx| dx.is_nan()), "{name}: {dx:?}");
                }
                let rows = [logits, vec![1.0; classes]].concat();
                let tape = tape(&device);
                let x = tape.constant(&Tensor::from_f32(&device, &[2, classes], &rows).unwrap());
                let y = ops::softmax::softmax(&tape, &x).unwrap();
                let y = pollster::block_on(y.tensor.read_f32()).unwrap();
                assert!(y[..classes].iter().all(|y| y.is_nan()), "softmax.forward: {y:?}");
                assert!(
                    y[classes..].iter().all(|y| (y - 1.0 / classes as f32).abs() < 1e-6),
                    "{name}: {y:?}"
                );
            }
        }
    }
}

/// In use mean and variance are constants: the gradient of x is that of a factor alone.
#[test]
fn a_norm_in_use_is_a_factor_and_a_term() {
    for device in [Device::cpu(), common::software()] {
        let tensor = |shape: &[usize], values: &[f32]| Tensor::from_f32(&device, shape, values).unwrap();
        let tape = tape(&device);
        let x = tape.parameter(&tensor(&[2, 2, 1, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]));
        let [gamma, beta] = [[2.0, -1.0], [0.5, 0.25]].map(|values| tape.parameter(&tensor(&[2], &values)));
        let [moving_mean, moving_variance] = [[1.0, 3.0], [3.0, 15.0]].map(|values| tensor(&[2], &values));
        let norm = Norm {
            gamma: &gamma,
            beta: &beta,
            moving_mean: &moving_mean,
            moving_variance: &moving_variance,
            momentum: 0.99,
            epsilon: 1.0,
        };
        let y = ops::batch_norm::batch_norm(&tape, &x, &norm, false).unwrap();
        let read = |tensor: &Tensor| pollster::block_on(tensor.read_f32()).unwrap();
        assert_eq!(read(&y.tensor), [0.5, 1.5, 0.25, 0.0, 4.5, 5.5, -0.75, -1.0], "{}", device.name());
        let dy = tensor(&[2, 2, 1, 2], &[1.0, 2.0, 4.0, 8.0, 1.0, 0.0, -4.0, 4.0]);
        let mut gradients = tape.backward(&y, dy).unwrap();
        let mut gradient = |var: &Var| read(&gradients.take(var).unwrap());
        assert_eq!(gradient(&x), [1.0, 2.0, -1.0, -2.0, 1.0, 0.0, 1.0, -1.0], "{}", device.name());
        // The sums of dy * (x - mean) / 2 and / 4, and those of dy.
        assert_eq!(gradient(&gamma), [3.0, 3.0]);
        assert_eq!(gradient(&beta), [4.0, 12.0]);
        assert_eq!((read(&moving_mean), read(&moving_variance)), (vec![1.0, 3.0], vec![3.0, 15.0]));
    }
}

#[test]
fn a_tensor_that_a_kernel_does_not_take_is_an_error() {
    use pawgrad::reference::{max_pool2d, relu};
    for device in [Device::cpu(), common::software()] {
        let tensor = |kind| Tensor::zeros(&device, &[1], kind).unwrap();
        let (float, uint) = (&tensor(Kind::F32), &tensor(Kind::U32));
        let message = |result: Result<()>| {
            let why = result.expect_err("an error");
            assert_eq!(why.kind, ErrorKind::Other, "{} on {}", why.message, device.name());
            why.message
        };
        let relu = |inputs: &[&Tensor], outputs: &[&Tensor]| {
            message(ops::relu::BACKWARD_X.run(&device, &relu::Params { len: 1 }, inputs, outputs))
        };
        assert_eq!(relu(&[float, uint], &[float]), "relu.backward_x: dy must be f32, but u32 was given");
        assert_eq!(relu(&[float, float], &[uint]), "relu.backward_x: dx must be f32, but u32 was given");
        assert_eq!(relu(&[float], &[float]), "relu.backward_x takes 2 inputs (y, dy), but 1 were given");
        let elsewhere = if device.kind() == DeviceKind::Cpu { common::software() } else { Device::cpu() };
        let other = Tensor::from_f32(&elsewhere, float.shape(), &vec![0.0; float.len()]).unwrap();
        let wanted = format!("relu.backward_x: dy is on {}, not on {}", elsewhere.name(), device.name());
        assert_eq!(relu(&[float, &other], &[float]), wanted);
        assert_eq!(relu(&[float, float], &[]), "relu.backward_x takes 1 outputs (dx), but 0 were given");
        let pool = max_pool2d::Params {
            batch: 1,
            channels: 1,
            in_h: 1,
            in_w: 1,
            out_h: 1,
            out_w: 1,
            window_h: 1,
            window_w: 1,
            stride_h: 1,
            stride_w: 1,
        };
        let pool = ops::max_pool2d::FORWARD.run(&device, &pool, &[float], &[&tensor(Kind::F32), float]);
        assert_eq!(message(pool), "max_pool2d.forward: argmax must be u32, but f32 was given");
    }
}

#[test]
fn same_padding_puts_the_odd_zero_last_as_tensorflow_does() {
    assert_eq!(Padding::Same.axis(6, 4, 1), Some((6, 1)));
    assert_eq!(Padding::Same.axis(8, 3, 2), Some((4, 0)));
    assert_eq!(Padding::Same.axis(7, 3, 2), Some((4, 1)));
    assert_eq!(Padding::Same.axis(5, 1, 3), Some((2, 0)));
    assert_eq!(Padding::Valid.axis(7, 3, 2), Some((3, 0)));
    assert_eq!(Padding::Valid.axis(2, 3, 1), None);
}

/// A NaN must reach the loss, or a diverged run looks healthy.
#[test]
fn nan_passes_through_relu_pooling_and_the_fused_kernel() {
    for device in [Device::cpu(), common::software()] {
        let tape = tape(&device);
        let mut values = vec![-1.0f32; 16];
        values[5] = f32::NAN;
        values[6] = 3.0;
        let x = tape.constant(&Tensor::from_f32(&device, &[1, 1, 4, 4], &values).unwrap());
        let read = |y: Var| pollster::block_on(y.tensor.read_f32()).unwrap();

        let relu = read(ops::relu::relu(&tape, &x).unwrap());
        assert!(
            relu[5].is_nan() && relu[6] == 3.0 && relu[0] == 0.0,
            "relu.forward on {}: {relu:?}",
            device.name()
        );
        let pool = read(ops::max_pool2d::max_pool2d(&tape, &x, [2, 2], [2, 2]).unwrap());
        assert!(
            pool[0].is_nan() && pool[1] == 3.0 && pool[2] == -1.0,
            "max_pool2d.forward on {}: {pool:?}",
            device.name()
        );
        let overlapping = read(ops::max_pool2d::max_pool2d(&tape, &x, [3, 3], [1, 1]).unwrap());
        assert!(
            overlapping.iter().all(|v| v.is_nan()),
            "max_pool2d.forward: a NaN is not replaced by a later number: {overlapping:?}"
        );
        // A window of 3x3 that hands on its centre, so that every rung can be used. NaN times 0 is NaN: the one in the
        // corner reaches the last pooling window of the first row, and no other.
        let mut values: Vec<f32> = (0..32).map(|i| i as f32 - 20.0).collect();
        values[7] = f32::NAN;
        let x = tape.constant(&Tensor::from_f32(&device, &[1, 1, 4, 8], &values).unwrap());
        let mut centre = [0.0; 9];
        centre[4] = 1.0;
        let one = tape.constant(&Tensor::from_f32(&device, &[1, 1, 3, 3], &centre).unwrap());
        let zero = tape.constant(&Tensor::from_f32(&device, &[1], &[0.0]).unwrap());
        for rung in pawgrad::check::rungs(&device)["conv2d_relu_pool"].iter() {
            device.force_rung("conv2d_relu_pool", rung);
            let fused =
                ops::conv2d_relu_pool::conv2d_relu_pool(&tape, &x, &one, &zero, [1, 1], Padding::Same, 2);
            let fused = read(fused.unwrap());
            assert!(
                fused[3].is_nan() && fused[..3] == [0.0; 3] && fused[4..] == [5.0, 7.0, 9.0, 11.0],
                "conv2d_relu_pool.forward {rung} on {}: {fused:?}",
                device.name()
            );
        }
    }
}

#[test]
fn a_non_finite_gradient_raises_adams_flag() {
    for device in [Device::cpu(), common::software()] {
        for (value, raised) in
            [(1.0, 0), (f32::MAX, 0), (f32::INFINITY, 1), (f32::NEG_INFINITY, 1), (f32::NAN, 1)]
        {
            let mut values = vec![0.5; 3000];
            values[2345] = value;
            let parameter = Tensor::from_f32(&device, &[3000], &[0.0; 3000]).unwrap();
            let gradient = Tensor::from_f32(&device, &[3000], &values).unwrap();
            let mut adam = pawgrad::optim::Adam::new(&[&parameter], 0.001).unwrap();
            let flag = adam.apply(&[&parameter], &[gradient]).unwrap();
            assert_eq!(
                pollster::block_on(flag.read_u32()).unwrap(),
                [raised],
                "adam.step: {value} on {}",
                device.name()
            );
        }
    }
}

/// Pictures that nothing is done to must be as without augmentation, or a run with `none` would be another run.
#[test]
fn augment_without_a_change_is_input_bit_for_bit() {
    for device in [Device::cpu(), common::software()] {
        for (shape, mean, std_dev) in
            [([2, 1, 16, 16], 0.0, 1.0), ([3, 3, 7, 5], 0.4, 0.23), ([2, 1, 1, 9], 0.5, 0.7)]
        {
            let len: usize = shape.iter().product();
            // Every value of a byte, in an order without a pattern.
            let bytes: Vec<u8> = (0..len as u32).map(|i| (i.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
            let pixels = ops::input::upload(&device, &bytes).unwrap();
            let rows = IDENTITY.repeat(shape[0]);
            let rows = Tensor::from_f32(&device, &[shape[0], ROW], &rows).unwrap();
            let bits = |y: Tensor| {
                let values = pollster::block_on(y.read_f32()).unwrap();
                values.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let plain = bits(ops::input::input(&device, &pixels, shape, mean, std_dev).unwrap());
            let augmented =
                bits(ops::augment::augment(&device, &pixels, &rows, shape, mean, std_dev).unwrap());
            assert_eq!(augmented, plain, "augment.forward {shape:?} on {}", device.name());
        }
    }
}

#[test]
fn augment_refuses_what_it_has_no_rows_or_colours_for() {
    let device = Device::cpu();
    let tensor = |shape: &[usize]| Tensor::zeros(&device, shape, Kind::F32).unwrap();
    let pixels = ops::input::upload(&device, &[0; 32]).unwrap();
    let message = |rows: &[usize], shape| {
        ops::augment::augment(&device, &pixels, &tensor(rows), shape, 0.0, 1.0).unwrap_err().message
    };
    assert_eq!(message(&[2, ROW], [2, 2, 2, 2]), "augment takes pictures of 1 or 3 channels, not 2");
    assert_eq!(message(&[1, ROW], [2, 1, 2, 2]), "augment takes transforms as [2, 24], not [1, 24]");
    assert_eq!(message(&[2, 8], [2, 1, 2, 2]), "augment takes transforms as [2, 24], not [2, 8]");
}
