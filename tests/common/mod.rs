//! What several tests need.
#![allow(dead_code)] // each test file uses a part of it

pub mod program;
pub mod studio;

use pawgrad::device::{Device, Precision, adapters};
use pawgrad::error::Result;
use pawgrad::model::layers::{Context, Layer, TypeName};
use pawgrad::model::{Graph, Network};
use pawgrad::ops;
use pawgrad::tape::Var;

/// The software Vulkan adapter. A missing one fails the test: a skip would look green.
pub fn software() -> Device {
    match pollster::block_on(adapters::open(&adapters::Choice::Software, Precision::F32)) {
        Ok((device, _)) => device,
        Err(why) => panic!("the WGSL tests need a software Vulkan adapter (tests/run installs it):\n{why}"),
    }
}

/// Whether a kernel is to be checked: all are, unless the environment's PAWGRAD_ONLY names one
/// (`conv2d.backward_w`) or an op (`conv2d`).
pub fn selected(kernel: &str) -> bool {
    let only = std::env::var("PAWGRAD_ONLY").ok();
    only.is_none_or(|only| is_of(kernel, &only))
}

/// Whether a kernel has this name, or is one of the op of this name.
pub fn is_of(kernel: &str, name: &str) -> bool {
    kernel == name || kernel.split('.').next() == Some(name)
}

/// The names of two classes.
pub fn classes() -> Vec<String> {
    vec!["cats".to_string(), "dogs".to_string()]
}

/// A network of these layers for gray pictures of two classes.
pub fn network(image_size: usize, nodes: Graph) -> Network {
    Network::new(classes(), image_size, nodes)
}

/// A safetensors file of (name, shape, values), as another program would write it.
pub fn weights_file(tensors: &[(String, Vec<usize>, Vec<f32>)]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

/// The sum of two values: a layer with two inputs, which no list knows.
#[derive(Debug, serde::Serialize)]
pub struct Sum {}

impl TypeName for Sum {
    fn type_name(&self) -> &'static str {
        "sum"
    }
}

impl Layer for Sum {
    fn label(&self) -> &'static str {
        "Sum"
    }

    fn meaning(&self) -> &'static str {
        "The sum of two layers, value by value."
    }

    fn arity(&self) -> usize {
        2
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(inputs[0].to_vec())
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        ops::add::add(context.tape, &inputs[0], &inputs[1])
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        vec![("output", output.iter().product())]
    }
}
