//! A network as data: named layers, and what each takes.

use super::layers::{self, AnyLayer, Layer};
use super::slot::Slot;
use crate::error::{Error, Result, count, error, list, shown};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The name by which nodes take the network's input.
pub const INPUT: &str = "input";

/// More layers than any network has that this program could train.
pub const MAX_LAYERS: usize = 2048;
/// More values than any tensor has. Below it sums of bytes, and products with batches, keep below 2^64; where addresses have
/// 32 bits, as in browsers, the bytes of one tensor keep below 2^32.
const MAX_VALUES: usize = 1 << if usize::BITS >= 64 { 40 } else { 29 };

/// One layer in its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// `conv1`, `relu1`, …; the layer's slots are named after it.
    pub name: String,
    pub layer: AnyLayer,
    /// Names of nodes that come before, or [`INPUT`].
    pub inputs: Vec<String>,
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.name == other.name && *self.layer == *other.layer && self.inputs == other.inputs
    }
}

/// Nodes in an order in which they can be computed. The one that nobody takes is the output.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Graph {
    /// Each takes what earlier ones made.
    pub nodes: Vec<Node>,
}

impl Graph {
    /// Without layers.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// Adds a layer that takes what the last one made. Its name is numbered among those that begin alike: `conv1`.
    pub fn then(self, layer: impl Layer) -> Graph {
        self.then_any(Arc::new(layer))
    }

    /// As [`then`](Graph::then).
    pub fn then_any(self, layer: AnyLayer) -> Graph {
        let name = self.next_name(&*layer);
        let input = self.last_name().to_string();
        self.with(name, layer, vec![input])
    }

    /// The name that a layer gets where nobody gives it one.
    pub fn next_name(&self, layer: &dyn Layer) -> String {
        let stem = layer.stem();
        let taken: HashSet<_> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        let mut names = (1..).map(|number| format!("{stem}{number}"));
        names.find(|name| !taken.contains(name.as_str())).expect("numbers do not end")
    }

    /// The name of the last node, or of the input.
    pub fn last_name(&self) -> &str {
        self.nodes.last().map_or(INPUT, |node| &node.name)
    }

    /// Adds a layer of this name that takes these nodes.
    pub fn add(self, name: &str, layer: impl Layer, inputs: &[&str]) -> Graph {
        let inputs = inputs.iter().map(|input| input.to_string()).collect();
        self.with(name.to_string(), Arc::new(layer), inputs)
    }

    /// As [`add`](Graph::add).
    pub fn with(mut self, name: String, layer: AnyLayer, inputs: Vec<String>) -> Graph {
        self.nodes.push(Node { name, layer, inputs });
        self
    }

    /// For each name the nodes that take what its node makes.
    pub fn readers(&self) -> HashMap<&str, Vec<&Node>> {
        let mut readers: HashMap<&str, Vec<&Node>> = HashMap::new();
        for node in &self.nodes {
            for input in node.inputs.iter().collect::<BTreeSet<_>>() {
                readers.entry(input).or_default().push(node);
            }
        }
        readers
    }

    /// Every node with its shapes and slots, for an input of this shape.
    ///
    /// # Errors
    /// `Usage`, with the node's name, for two nodes of one name, a node that takes what does not come before it, a layer
    /// that does not fit its inputs, and for anything but one output, which must be the last node. For more layers or
    /// values than any network has.
    pub fn placed(&self, input: &[usize]) -> Result<Vec<Placed>> {
        let count = self.nodes.len();
        if count > MAX_LAYERS {
            return Err(error!(Usage, "it has {count} layers; a network has at most {MAX_LAYERS}"));
        }
        let mut placed: Vec<Placed> = Vec::new();
        let (mut names, mut of_type) = (HashMap::new(), HashMap::new());
        for (index, node) in self.nodes.iter().enumerate() {
            let number = of_type.entry(node.layer.type_name()).or_insert(0);
            let stands_behind = |name: &str| self.nodes[index..].iter().any(|node| node.name == name);
            let next = place(node, *number, input, &placed, &names, &stands_behind).map_err(|why| {
                let message = format!("{}: {}", shown(&node.name), why.message);
                why.saying(message)
            })?;
            *number += 1;
            names.insert(node.name.as_str(), index);
            placed.push(next);
        }
        let readers = self.readers();
        let outputs: Vec<_> =
            self.nodes.iter().filter(|node| !readers.contains_key(node.name.as_str())).collect();
        match (outputs.as_slice(), self.nodes.last()) {
            ([], _) | (_, None) => Err(error!(Usage, "a network has at least one layer")),
            ([output], Some(last)) if output.name == last.name => Ok(placed),
            (several, _) => {
                let names: Vec<_> = several.iter().map(|node| node.name.clone()).collect();
                Err(error!(Usage, "a network has one output, its last layer; nobody takes {}", list(&names)))
            }
        }
    }
}

/// A node with all that follows from the shape of the network's input. Shapes are those of one picture.
#[derive(Debug, Clone)]
pub struct Placed {
    pub name: String,
    pub layer: AnyLayer,
    /// Where each input comes from.
    pub inputs: Vec<Origin>,
    /// One for each input: `[channels, height, width]` or `[features]`.
    pub input_shapes: Vec<Vec<usize>>,
    /// As those.
    pub output_shape: Vec<usize>,
    /// The tensors that the layer owns.
    pub slots: Vec<Slot>,
    /// How many layers of its type come before it.
    pub number: u32,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The network's input.
    Input,
    /// The node at this index.
    Node(usize),
}

impl Placed {
    /// How many numbers the layer owns.
    pub fn slot_values(&self) -> usize {
        self.slots.iter().map(Slot::len).sum()
    }

    /// Floating-point operations of one picture's forward pass.
    pub fn flop(&self) -> u64 {
        self.layer.flop(&shapes(&self.input_shapes), &self.output_shape)
    }

    /// The buffers that one picture leaves for the backward pass, by name, with their values.
    pub fn keeps(&self) -> Vec<(&'static str, usize)> {
        self.layer.keeps(&shapes(&self.input_shapes), &self.output_shape)
    }
}

fn place(
    node: &Node,
    number: u32,
    input: &[usize],
    before: &[Placed],
    names: &HashMap<&str, usize>,
    stands_behind: &dyn Fn(&str) -> bool,
) -> Result<Placed> {
    let Node { name, layer, inputs } = node;
    if name.is_empty() || name == INPUT {
        return Err(error!(
            Usage,
            "another name is needed: this one is empty, or that of the network's input"
        ));
    }
    if names.contains_key(name.as_str()) {
        return Err(error!(Usage, "another name is needed: a layer before it has this one"));
    }
    if inputs.len() != layer.arity() {
        let (wanted, label, got) = (count(layer.arity(), "input"), layer.label(), inputs.len());
        return Err(error!(Usage, "{label} takes {wanted}, not {got}"));
    }
    let origin = |wanted: &String| match names.get(wanted.as_str()) {
        _ if wanted == INPUT => Ok(Origin::Input),
        Some(index) => Ok(Origin::Node(*index)),
        None if stands_behind(wanted) => Err(error!(
            Usage,
            "it takes \"{}\", which is no layer before it: layers stand in the order in which they are computed, and go \
             in no circle",
            shown(wanted)
        )),
        None => Err(error!(Usage, "it takes \"{}\", which is no layer before it", shown(wanted))),
    };
    let inputs = inputs.iter().map(origin).collect::<Result<Vec<_>>>()?;
    let shape = |origin: &Origin| match *origin {
        Origin::Input => input.to_vec(),
        Origin::Node(index) => before[index].output_shape.clone(),
    };
    let input_shapes: Vec<_> = inputs.iter().map(shape).collect();
    let output_shape = layer.output_shape(&shapes(&input_shapes))?;
    check_values("makes", &output_shape)?;
    let slots = layer.slots(&shapes(&input_shapes));
    slots.iter().try_for_each(|slot| check_values("owns", &slot.shape))?;
    let layer = layer.clone();
    Ok(Placed { name: name.clone(), layer, inputs, output_shape, slots, input_shapes, number })
}

/// Finds what no memory holds, before sizes are multiplied any further.
fn check_values(does: &str, shape: &[usize]) -> Result<()> {
    let values = shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
    match values {
        Some(0..=MAX_VALUES) => Ok(()),
        _ => Err(error!(Usage, "it {does} {shape:?}, more than {MAX_VALUES} values")),
    }
}

fn shapes(shapes: &[Vec<usize>]) -> Vec<&[usize]> {
    shapes.iter().map(Vec::as_slice).collect()
}

/// As files hold it: `name`, `type`, `inputs`, and the layer's own fields beside them.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Value::Object(mut fields) = self.layer.fields() else {
            return Err(serde::ser::Error::custom("a layer is a struct with fields"));
        };
        fields.insert("name".to_string(), self.name.clone().into());
        fields.insert("type".to_string(), self.layer.type_name().into());
        fields.insert("inputs".to_string(), self.inputs.clone().into());
        fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Node, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let mut take =
            |field: &'static str| fields.remove(field).ok_or_else(|| de::Error::missing_field(field));
        let [name, type_name, inputs] = [take("name")?, take("type")?, take("inputs")?];
        let text = |value| serde_json::from_value::<String>(value).map_err(de::Error::custom);
        let (name, type_name) = (text(name)?, text(type_name)?);
        let named = |why: Error| de::Error::custom(format!("{}: {}", shown(&name), why.message));
        let layer = layers::read(&type_name, Value::Object(fields.clone())).map_err(named)?;
        // What people write has defaults. A file of ours says all: a field that is lost would be another network.
        if let Value::Object(all) = layer.fields()
            && let Some(lost) = all.keys().find(|field| !fields.contains_key(*field))
        {
            return Err(de::Error::custom(format!("{}: missing field `{lost}`", shown(&name))));
        }
        Ok(Node { layer, inputs: serde_json::from_value(inputs).map_err(de::Error::custom)?, name })
    }
}
