//! What the studio shows of a network's inside is what the definitions say: every layer, and the arithmetic behind
//! single values. Each layer is checked on the numbers that went into it, so that bounds do not add up.

mod common;

use common::{Sum, network, software};
use pawgrad::cases::Tolerance;
use pawgrad::check::compare::compare;
use pawgrad::device::Device;
use pawgrad::model::layers::{
    Add, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAvgPool, LeakyRelu, MaxPool2d, Relu, Unit,
};
use pawgrad::model::{Graph, Model, Network};
use pawgrad::reference::{conv2d, dense, global_avg_pool, leaky_relu, max_pool2d, relu};
use pawgrad::studio::inside::gradients::{self, Owner};
use pawgrad::studio::inside::{self, Inside, Slots};
use std::sync::Arc;

const SIZE: usize = 13;

/// A network with every kind of layer, and windows that are not square.
fn layers() -> Graph {
    let uneven = Conv2d { kernel_size: [2, 3], strides: [1, 2], ..Conv2d::new(5, 3) };
    Graph::new()
        .then(Conv2d::new(4, 3))
        .then(Relu {})
        .then(MaxPool2d::new(2))
        .then(Conv2d { use_bias: false, ..Conv2d::new(4, 3) })
        .then(BatchNorm::default())
        .then(LeakyRelu::default())
        .add("sum", Add {}, &["leaky_relu1", "pool1"])
        .then(uneven)
        .then(MaxPool2d { pool_size: [3, 2], strides: [2, 1] })
        .then(Flatten {})
        .then(Dense::new(7))
        .then(Relu {})
        .then(Dropout::new(0.5))
        .then(Dense { use_bias: false, ..Dense::new(4) })
        .add("mean", GlobalAvgPool {}, &["sum"])
        .add("both", Add {}, &["dense2", "mean"])
        .then(Dense::new(1))
}

fn picture() -> Vec<u8> {
    (0..SIZE * SIZE).map(|i| (i * 37 % 251) as u8).collect()
}

fn inside(device: &Device, layers: Graph) -> Inside {
    let model = Model::new(network(SIZE, layers), device, 3, false).unwrap();
    let slots = Arc::new(pollster::block_on(Slots::read(&model)).unwrap());
    pollster::block_on(inside::run(&model, slots, &picture(), &|| ())).unwrap()
}

fn f64s(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn magnitudes(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.abs()).collect()
}

fn conv2d_params(layer: &Conv2d, input: &[usize], output: &[usize]) -> conv2d::Params {
    let Conv2d { kernel_size, strides, padding, .. } = layer;
    let pad = |axis: usize| padding.axis(input[axis + 1], kernel_size[axis], strides[axis]).unwrap().1 as i32;
    conv2d::Params {
        batch: 1,
        in_channels: input[0] as u32,
        out_channels: output[0] as u32,
        in_h: input[1] as u32,
        in_w: input[2] as u32,
        out_h: output[1] as u32,
        out_w: output[2] as u32,
        kernel_h: kernel_size[0] as u32,
        kernel_w: kernel_size[1] as u32,
        stride_h: strides[0] as u32,
        stride_w: strides[1] as u32,
        pad_top: pad(0),
        pad_left: pad(1),
    }
}

/// A definition that computes y from x, w and b.
type WeightedSum<'a> = dyn Fn(&[f64], &[f64], &[f64], &mut [f64]) + 'a;

/// What the definition makes of a layer's input, and how far from it the layer may be.
fn expected(inside: &Inside, index: usize) -> (Vec<f64>, Vec<f64>) {
    let placed = &inside.layers[index].placed;
    let (x, input) = inside.inputs_of(index)[0];
    let x = f64s(x);
    let len = placed.output_shape.iter().product();
    let mut y = vec![0.0; len];
    let mut slots: Vec<_> = inside.slots_of(index).into_iter().map(|(_, values)| f64s(values)).collect();
    // In the place of a bias that is not there.
    slots.push(vec![0.0; len]);
    // A sum of so many terms and its bound, from a definition that computes y from x, w and b.
    let sum = |terms: usize, run: &WeightedSum| {
        let (mut y, mut magnitude) = (vec![0.0; len], vec![0.0; len]);
        run(&x, &slots[0], &slots[1], &mut y);
        run(&magnitudes(&x), &magnitudes(&slots[0]), &magnitudes(&slots[1]), &mut magnitude);
        let allowed = Tolerance::Sum { terms }.allowed(&y, &magnitude);
        (y, allowed)
    };
    let layer = &*placed.layer;
    if let Some(layer) = layer.downcast::<Conv2d>() {
        let p = conv2d_params(layer, input, &placed.output_shape);
        let terms = input[0] * layer.kernel_size[0] * layer.kernel_size[1] + 1;
        return sum(terms, &|x, w, b, y| conv2d::forward(&p, 0..placed.output_shape[0], x, w, b, y));
    }
    if layer.downcast::<Dense>().is_some() {
        let p = dense::Params { batch: 1, in_features: x.len() as u32, out_features: len as u32 };
        return sum(x.len() + 1, &|x, w, b, y| dense::forward(&p, 0..len, x, w, b, y));
    }
    if layer.downcast::<Relu>().is_some() {
        relu::forward(&relu::Params { len: len as u32 }, 0..len, &x, &mut y);
    } else if let Some(layer) = layer.downcast::<LeakyRelu>() {
        let p = leaky_relu::Params { len: len as u32, negative_slope: layer.negative_slope as f32 };
        leaky_relu::forward(&p, 0..len, &x, &mut y);
        return (y.clone(), Tolerance::Elementwise.allowed(&y, &[]));
    } else if layer.downcast::<Add>().is_some() {
        let (other, _) = inside.inputs_of(index)[1];
        y = x.iter().zip(other).map(|(a, &b)| a + f64::from(b)).collect();
        return (y.clone(), Tolerance::Elementwise.allowed(&y, &[]));
    } else if layer.downcast::<GlobalAvgPool>().is_some() {
        let area = input[1] * input[2];
        let p = global_avg_pool::Params { batch: 1, channels: input[0] as u32, area: area as u32 };
        let mut magnitude = y.clone();
        global_avg_pool::forward(&p, 0..len, &x, &mut y);
        global_avg_pool::forward(&p, 0..len, &magnitudes(&x), &mut magnitude);
        return (y.clone(), Tolerance::Sum { terms: area + 1 }.allowed(&y, &magnitude));
    } else if let Some(layer) = layer.downcast::<BatchNorm>() {
        let [gamma, beta, mean, variance] = &slots[..4] else { panic!("four slots") };
        let area = len / input[0];
        let of = |(i, x): (usize, &f64)| {
            let c = i / area;
            let scaled = (x - mean[c]) / (variance[c] + layer.epsilon).sqrt() * gamma[c];
            (scaled + beta[c], scaled.abs() + beta[c].abs())
        };
        let (y, magnitude): (Vec<_>, Vec<_>) = x.iter().enumerate().map(of).unzip();
        return (y.clone(), Tolerance::Sum { terms: 16 }.allowed(&y, &magnitude));
    } else if let Some(MaxPool2d { pool_size, strides }) = layer.downcast() {
        let output = &placed.output_shape;
        let p = max_pool2d::Params {
            batch: 1,
            channels: input[0] as u32,
            in_h: input[1] as u32,
            in_w: input[2] as u32,
            out_h: output[1] as u32,
            out_w: output[2] as u32,
            window_h: pool_size[0] as u32,
            window_w: pool_size[1] as u32,
            stride_h: strides[0] as u32,
            stride_w: strides[1] as u32,
        };
        max_pool2d::forward(&p, 0..input[0], &x, &mut y, &mut vec![0; len]);
    } else {
        y = x; // flatten, and dropout outside of training
    }
    let allowed = Tolerance::Exact.allowed(&y, &[]);
    (y, allowed)
}

#[test]
fn every_layer_shows_what_its_definition_says() {
    for device in [Device::cpu(), software()] {
        let inside = inside(&device, layers());
        assert_eq!(inside.layers.len(), layers().nodes.len());
        for (index, seen) in inside.layers.iter().enumerate() {
            let (wanted, allowed) = expected(&inside, index);
            let name = format!("{} on {}", seen.placed.name, device.name());
            compare(&name, &seen.placed.output_shape, &f64s(&seen.values), &wanted, &allowed).unwrap();
        }
        assert_eq!(inside.logit(), inside.layers.last().unwrap().values[0]);
    }
}

#[test]
fn the_arithmetic_behind_a_value_gives_that_value() {
    let inside = inside(&software(), layers());
    for (index, seen) in inside.layers.iter().enumerate() {
        let (_, allowed) = expected(&inside, index);
        let shape = &seen.placed.output_shape;
        let (height, width) = if shape.len() == 3 { (shape[1], shape[2]) } else { (1, 1) };
        for (i, &value) in seen.values.iter().enumerate() {
            let (channel, row, column) = (i / (height * width), i / width % height, i % width);
            let name = format!("{} [{channel}, {row}, {column}]", seen.placed.name);
            let near = |sum: f64| {
                assert!((sum - f64::from(value)).abs() <= allowed[i], "{name}: {sum} is not {value}");
            };
            match inside.unit(index, channel, row, column).unwrap() {
                Unit::Conv2d { terms, bias, sum, output } => {
                    assert_eq!(output, value, "{name}");
                    assert_eq!(terms.len(), seen.placed.input_shapes[0][0], "{name}");
                    let products = terms.iter().flat_map(|term| {
                        let inputs = term.inputs.iter().flatten().map(|x| f64::from(x.unwrap_or(0.0)));
                        inputs.zip(term.weights.iter().flatten()).map(|(x, &w)| x * f64::from(w))
                    });
                    let all = products.sum::<f64>() + f64::from(bias);
                    assert!(
                        (all - sum).abs() < 1e-12,
                        "{name}: the numbers shown add up to {all}, not {sum}"
                    );
                    assert!(terms.windows(2).all(|two| two[0].sum.abs() >= two[1].sum.abs()), "{name}");
                    near(sum);
                }
                Unit::MaxPool2d { window, output } => {
                    assert_eq!(output, value, "{name}");
                    let largest = window.iter().flatten().copied().fold(f32::NEG_INFINITY, f32::max);
                    assert_eq!(largest, value, "{name}");
                }
                Unit::Dense { top, rest, bias, sum, output } => {
                    assert_eq!(output, value, "{name}");
                    assert!(
                        top.iter().all(|top| top.product == f64::from(top.input) * f64::from(top.weight))
                    );
                    let all = top.iter().map(|top| top.product).sum::<f64>() + rest + f64::from(bias);
                    assert!(
                        (all - sum).abs() < 1e-12,
                        "{name}: the numbers shown add up to {all}, not {sum}"
                    );
                    near(sum);
                }
                Unit::Function { input, output, formula } if formula.starts_with("LeakyReLU") => {
                    assert_eq!(formula, "LeakyReLU: x, below 0 times 0.3");
                    let slope = if input < 0.0 { 0.3 } else { 1.0 };
                    assert_eq!((input * slope, output), (value, value), "{name}");
                }
                Unit::Function { input, output, .. } => {
                    assert_eq!((input.max(0.0), output), (value, value), "{name}");
                }
                Unit::Sum { inputs, output } => {
                    assert_eq!((inputs.len(), output), (2, value), "{name}");
                    near(inputs.iter().map(|&x| f64::from(x)).sum());
                }
                Unit::Mean { count, sum, output } => {
                    assert_eq!((count, output), (36, value), "{name}");
                    near(sum / 36.0);
                }
                Unit::BatchNorm { input, mean, variance, epsilon, normal, gamma, beta, output } => {
                    assert_eq!((mean, variance, epsilon, output), (0.0, 1.0, 0.001, value), "{name}");
                    let deviation = (f64::from(variance) + epsilon).sqrt();
                    assert!((f64::from(input - mean) / deviation - normal).abs() < 1e-7, "{name}");
                    near(normal * f64::from(gamma) + f64::from(beta));
                }
                Unit::Same { output } => assert_eq!(output, value, "{name}"),
            }
        }
        assert!(inside.unit(index, seen.values.len(), 0, 0).unwrap_err().message.contains("no such value"));
    }
    assert!(inside.unit(99, 0, 0, 0).unwrap_err().message.contains("no layer 99"));
}

/// Grad-CAM by its definition, for a network whose maps one dense layer takes: the gradient of a class's evidence with respect to
/// the maps are that layer's weights. `weights` are those of the class.
fn heat_of(maps: &[f32], weights: &[f64]) -> Vec<f64> {
    let places = SIZE * SIZE;
    let heat: Vec<f64> = (0..places)
        .map(|place| {
            let of_channel = |channel: usize| {
                let weights = &weights[channel * places..(channel + 1) * places];
                let mean = weights.iter().sum::<f64>() / places as f64;
                mean * f64::from(maps[channel * places + place])
            };
            (0..3).map(of_channel).sum::<f64>().max(0.0)
        })
        .collect();
    let largest = heat.iter().copied().fold(0.0, f64::max);
    heat.iter().map(|value| if largest > 0.0 { value / largest } else { 0.0 }).collect()
}

#[test]
fn the_heat_map_of_any_class_weighs_maps_by_their_gradients() {
    let classes = |count: usize| (0..count).map(|class| format!("class {class}")).collect::<Vec<_>>();
    for device in [Device::cpu(), software()] {
        // A sigmoid speaks for the second class, or against it, and so for the first; a softmax has a unit for each.
        for (count, logits) in [(2, 1), (4, 4)] {
            let layers =
                Graph::new().then(Conv2d::new(3, 3)).then(Relu {}).then(Flatten {}).then(Dense::new(logits));
            let model = Model::new(Network::new(classes(count), SIZE, layers), &device, 3, false).unwrap();
            let slots = Arc::new(pollster::block_on(Slots::read(&model)).unwrap());
            let inside = pollster::block_on(inside::run(&model, slots, &picture(), &|| ())).unwrap();
            let weights = f64s(inside.slots_of(3)[0].1);
            let mut found = Vec::new();
            for class in 0..count {
                let of_class: Vec<f64> = match logits {
                    1 => weights.iter().map(|w| if class == 1 { *w } else { -w }).collect(),
                    _ => weights.chunks(3 * SIZE * SIZE).nth(class).unwrap().to_vec(),
                };
                let wanted = heat_of(&inside.layers[1].values, &of_class);
                let (heat, again) =
                    pollster::block_on(inside::heat::run(&model, &picture(), class, &|| ())).unwrap();
                assert_eq!((heat.height, heat.width, heat.class), (SIZE, SIZE, class));
                assert_eq!(again, inside.logits);
                for (place, (&shown, wanted)) in heat.values.iter().zip(&wanted).enumerate() {
                    let name = format!("class {class} of {count}, place {place} on {}", device.name());
                    assert!((f64::from(shown) - wanted).abs() < 1e-5, "{name}: {shown}, not {wanted}");
                }
                if class == inside.class {
                    assert_eq!(inside.heat.as_ref(), Some(&heat), "the first look has the predicted class's");
                }
                found.push(heat.values);
            }
            let hot = found.iter().filter(|heat| heat.iter().any(|value| *value > 0.0)).count();
            assert!(hot > count / 2, "another seed is needed: nothing speaks for most classes");
            for (class, heat) in found.iter().enumerate() {
                assert!(!found[..class].contains(heat), "class {class} of {count} looks where another does");
            }
        }
    }
}

#[test]
fn a_network_without_convolutions_is_looked_into_without_a_heat_map() {
    let layers = Graph::new().then(Flatten {}).then(Dense::new(1));
    let model = Model::new(network(SIZE, layers), &Device::cpu(), 3, false).unwrap();
    let slots = Arc::new(pollster::block_on(Slots::read(&model)).unwrap());
    let inside = pollster::block_on(inside::run(&model, slots, &picture(), &|| ())).unwrap();
    assert_eq!((inside.heat.is_none(), inside.layers.len()), (true, 2));
    let why = pollster::block_on(inside::heat::run(&model, &picture(), 0, &|| ())).unwrap_err();
    assert!(why.message.contains("without convolutions"), "{}", why.message);
}

/// A pooling before every weight, and a way around a layer.
fn residual() -> Graph {
    Graph::new()
        .then(MaxPool2d::new(2))
        .add("conv1", Conv2d::new(3, 3), &["pool1"])
        .add("relu1", Relu {}, &["conv1"])
        .add("conv2", Conv2d::new(3, 3), &["relu1"])
        .add("sum1", Sum {}, &["conv2", "relu1"])
        .add("flatten1", Flatten {}, &["sum1"])
        .add("dense1", Dense::new(1), &["flatten1"])
}

#[test]
fn gradients_say_how_the_loss_changes_with_every_value() {
    for device in [Device::cpu(), software()] {
        for graph in [layers(), residual()] {
            let model = Model::new(network(SIZE, graph), &device, 3, false).unwrap();
            let slots = Arc::new(pollster::block_on(Slots::read(&model)).unwrap());
            let inside = pollster::block_on(inside::run(&model, slots, &picture(), &|| ())).unwrap();
            for label in [0, 1] {
                let found = pollster::block_on(gradients::run(&model, &picture(), label, &|| ())).unwrap();
                assert_eq!((found.label, &found.logits), (label, &inside.logits));
                let last = found.layers.last().unwrap();
                // Of the logit: the probability without the label.
                let p = 1.0 / (1.0 + f64::from(-inside.logit()).exp());
                assert!((f64::from(last.values[0]) - (p - label as f64)).abs() < 1e-6, "{:?}", last.values);
                assert_eq!(last.owner, Owner::Loss);
                for (seen, gradient) in inside.layers.iter().zip(&found.layers) {
                    let name = &seen.placed.name;
                    assert_eq!(gradient.values.len(), seen.values.len(), "{name}");
                    assert!(gradient.values.iter().any(|value| *value != 0.0), "{name} of {label}");
                    let back: Vec<_> = gradient.ran.iter().map(|span| span.label.kernel).collect();
                    let weights = !seen.placed.slots.is_empty();
                    assert_eq!(
                        back.iter()
                            .any(|kernel| !kernel.ends_with(".backward_x") && kernel.contains(".backward_")),
                        weights,
                        "{name}: {back:?}"
                    );
                }
            }
        }
    }
}

/// Central differences of the definitions, in f64, behind a layer's output.
#[test]
fn gradients_are_those_of_finite_differences() {
    let model = Model::new(network(SIZE, residual()), &Device::cpu(), 3, false).unwrap();
    let slots = Arc::new(pollster::block_on(Slots::read(&model)).unwrap());
    let inside = pollster::block_on(inside::run(&model, slots, &picture(), &|| ())).unwrap();
    let found = pollster::block_on(gradients::run(&model, &picture(), 0, &|| ())).unwrap();
    let index = |name: &str| inside.layers.iter().position(|seen| seen.placed.name == name).unwrap();
    let (relu, conv, sum, dense) = (index("relu1"), index("conv2"), index("sum1"), index("dense1"));
    let [w, b, dense_w, dense_b] = [(conv, 0), (conv, 1), (dense, 0), (dense, 1)]
        .map(|(index, slot): (usize, usize)| f64s(inside.slots_of(index)[slot].1));
    let shape = &inside.layers[conv].placed.output_shape;
    let layer = inside.layers[conv].placed.layer.downcast::<Conv2d>().unwrap();
    let p = conv2d_params(layer, shape, shape);
    // The loss of class 0, from what relu1 made: once through conv2, and once around it.
    let loss = |x: &[f64]| {
        let mut y = vec![0.0; x.len()];
        conv2d::forward(&p, 0..shape[0], x, &w, &b, &mut y);
        let logit: f64 =
            y.iter().zip(x).zip(&dense_w).map(|((y, x), w)| (y + x) * w).sum::<f64>() + dense_b[0];
        logit.exp().ln_1p()
    };
    let x = f64s(&inside.layers[relu].values);
    assert!((loss(&x) - f64::from(found.loss)).abs() < 1e-5, "{} {}", loss(&x), found.loss);
    for (i, gradient) in found.layers[relu].values.iter().enumerate() {
        let at = |step: f64| {
            loss(&x.iter().enumerate().map(|(j, v)| if i == j { v + step } else { *v }).collect::<Vec<_>>())
        };
        let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!(
            (f64::from(*gradient) - expected).abs() < 1e-5 + 1e-4 * expected.abs(),
            "{i}: {gradient} {expected}"
        );
    }
    // Who computes it: relu1 is taken twice, conv2's gradient goes through the sum and the flattening unchanged.
    let owner = |index: usize| &found.layers[index].owner;
    let sum_of = |layers: [&str; 2]| Owner::Sum { layers: layers.map(str::to_string).to_vec() };
    let kernel = |layer: &str, kernel| Owner::Kernel { layer: layer.to_string(), kernel };
    assert_eq!(owner(relu), &sum_of(["conv2", "sum1"]));
    assert_eq!(owner(conv), &kernel("dense1", "dense.backward_x"));
    assert_eq!(owner(sum), &kernel("dense1", "dense.backward_x"));
    assert_eq!(owner(index("conv1")), &kernel("relu1", "relu.backward_x"));
    assert_eq!(owner(0), &kernel("conv1", "conv2d.backward_x"));
}
