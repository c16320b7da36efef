//! Model files of pawgrad 0.1.0: a plain list of layers, some with an activation of their own, names by counting.

use super::graph::{Graph, MAX_LAYERS};
use super::head::Head;
use super::layers::{Relu, read};
use super::network::{Network, Preprocessing};
use crate::error::{Result, error};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version1 {
    channels: usize,
    classes: Vec<String>,
    image_size: usize,
    layers: Vec<Map<String, Value>>,
    preprocessing: Preprocessing,
}

/// The network that such a file describes.
///
/// # Errors
/// `Usage` for a description that cannot be read.
pub fn network(description: Value) -> Result<Network> {
    let old: Version1 = serde_json::from_value(description).map_err(|why| error!(Usage, "{why}"))?;
    let mut nodes = Graph::new();
    // Names are counted anew for each layer.
    if old.layers.len() > MAX_LAYERS {
        return Err(error!(Usage, "it has {} layers; a network has at most {MAX_LAYERS}", old.layers.len()));
    }
    let last = old.layers.len().saturating_sub(1);
    for (index, mut fields) in old.layers.into_iter().enumerate() {
        let activation = fields.remove("activation");
        let type_name = fields.remove("type").unwrap_or_default();
        let type_name = type_name.as_str().ok_or_else(|| error!(Usage, "layer {index} has no type"))?;
        nodes = nodes.then_any(read(type_name, Value::Object(fields))?);
        let can_have_one = ["conv2d", "dense"].contains(&type_name);
        match activation.as_ref().map(|activation| activation.as_str().unwrap_or_default()) {
            None if !can_have_one => {}
            Some("linear") if can_have_one && index != last => {}
            Some("relu") if can_have_one && index != last => nodes = nodes.then_any(Arc::new(Relu {})),
            // Its sigmoid is the head's now.
            Some("sigmoid") if can_have_one && index == last => {}
            _ => {
                let activation = activation.unwrap_or_default();
                return Err(error!(
                    Usage,
                    "layer {index}, {type_name}, has the activation {activation}, which it cannot have"
                ));
            }
        }
    }
    let network = Network::new(old.classes, old.image_size, nodes);
    // It knew no other head, whatever the classes.
    let head = Head::Sigmoid;
    Ok(Network { channels: old.channels, preprocessing: old.preprocessing, head, ..network })
}
