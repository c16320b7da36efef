//! Fusing: layers that one kernel computes together become one node.
//!
//! A convolution, its ReLU and its pooling run as one where nobody else takes the values in between. The node keeps the
//! convolution's name, so that slots keep theirs. A network that is not fused is the graph as it was written.

use super::graph::{Graph, Node};
use super::layers::{Conv2d, Conv2dReluPool, MaxPool2d, Relu};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A graph after fusing.
pub struct Fused {
    pub graph: Graph,
    /// For each node as written that runs as a part of another kernel: that kernel's name.
    pub kernels: BTreeMap<String, &'static str>,
}

/// Fuses what can be fused.
pub fn fuse(graph: &Graph) -> Fused {
    let (mut kernels, mut merged) = (BTreeMap::new(), BTreeMap::new());
    let mut nodes = Vec::new();
    let readers = graph.readers();
    for node in &graph.nodes {
        if merged.contains_key(&node.name) {
            continue;
        }
        match conv_relu_pool(&readers, node) {
            None => nodes.push(node.clone()),
            Some((layer, absorbed)) => {
                nodes.push(Node { layer: Arc::new(layer), ..node.clone() });
                kernels.extend(
                    [node, absorbed[0], absorbed[1]].map(|node| (node.name.clone(), Conv2dReluPool::KERNEL)),
                );
                merged.extend(absorbed.map(|absorbed| (absorbed.name.clone(), node.name.clone())));
            }
        }
    }
    for input in nodes.iter_mut().flat_map(|node| &mut node.inputs) {
        if let Some(into) = merged.get(input) {
            input.clone_from(into);
        }
    }
    Fused { graph: Graph { nodes }, kernels }
}

/// The layer that takes the place of a convolution and of the ReLU and the pooling behind it, and those two.
fn conv_relu_pool<'a>(readers: &Readers<'a>, node: &Node) -> Option<(Conv2dReluPool, [&'a Node; 2])> {
    let conv = node.layer.downcast::<Conv2d>()?;
    let relu = only_reader(readers, node).filter(|node| node.layer.downcast::<Relu>().is_some())?;
    let pool = only_reader(readers, relu)?;
    let fused = Conv2dReluPool::new(conv, pool.layer.downcast::<MaxPool2d>()?)?;
    Some((fused, [relu, pool]))
}

/// For each name the nodes that take what its node makes.
type Readers<'a> = HashMap<&'a str, Vec<&'a Node>>;

/// The one node that takes what `node` makes; `None` where there are others, or none.
fn only_reader<'a>(readers: &Readers<'a>, node: &Node) -> Option<&'a Node> {
    match readers.get(node.name.as_str())?.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}
