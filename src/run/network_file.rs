//! Networks as people write them: TOML files, with Keras's names for layers and fields.
//!
//! ```toml
//! [[layers]]
//! type = "conv2d"
//! filters = 64
//! kernel_size = 3
//!
//! [[layers]]
//! type = "relu"
//! ```
//!
//! A layer has a `type` and the fields of its type. Unless it says otherwise, it takes what the layer before it makes, and has
//! a name that is numbered among those of its kind. A number may be `"classes"`: as many as the classes need.

use crate::data::Color;
use crate::error::{Error, Result, error, list, shown};
use crate::files::{named, read_text};
use crate::model::graph::MAX_LAYERS;
use crate::model::layers::read;
use crate::model::{Graph, Network};
use crate::train::settings::Settings;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use toml::Spanned;

/// Bytes of the longest file that is read.
const LONGEST: u64 = 1 << 20;
/// In the place of a number.
const CLASSES: &str = "classes";

/// The networks that come with this program, by name, with their texts.
pub const SHIPPED: [(&str, &str); 4] = [
    (DEFAULT, include_str!("../../examples/networks/default.toml")),
    ("small", include_str!("../../examples/networks/small.toml")),
    ("batch_norm", include_str!("../../examples/networks/batch_norm.toml")),
    ("residual", include_str!("../../examples/networks/residual.toml")),
];

/// Name and text of the one of this name that comes with the program.
pub fn shipped(name: impl AsRef<OsStr>) -> Option<(&'static str, &'static str)> {
    SHIPPED.into_iter().find(|(known, _)| name.as_ref() == *known)
}

/// What is trained where nothing else is said.
pub const DEFAULT: &str = "default";

/// A network's text, read but not yet for any pictures.
#[derive(Debug, Clone)]
pub struct NetworkFile {
    /// The file, or the name of one that is shipped.
    origin: String,
    text: String,
    description: String,
    layers: Vec<Entry>,
}

/// A layer, as it was written.
#[derive(Debug, Clone)]
struct Entry {
    line: usize,
    fields: BTreeMap<String, (usize, Value)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    description: String,
    layers: Vec<Spanned<BTreeMap<String, Spanned<toml::Value>>>>,
}

impl NetworkFile {
    /// The one that is meant: the name of a shipped one, or a file.
    ///
    /// # Errors
    /// `Usage` for what is neither, and for a text that describes no network, with its line.
    pub fn find(meant: &Path) -> Result<NetworkFile> {
        if let Some((name, text)) = shipped(meant) {
            return NetworkFile::parse(name, text);
        }
        let text = read_text(meant, LONGEST).map_err(|why| {
            let names: Vec<_> = SHIPPED.iter().map(|(name, _)| name.to_string()).collect();
            let why =
                error!(Usage, "it cannot be read: {why}; networks that need no file are {}", list(&names));
            named(meant, why)
        })?;
        NetworkFile::parse(&meant.display().to_string(), &text)
    }

    /// Of a text.
    ///
    /// # Errors
    /// `Usage`, with the line, for what is no TOML, or has fields that no network has.
    pub fn parse(origin: &str, text: &str) -> Result<NetworkFile> {
        let ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line = |at: usize| ends.partition_point(|end| *end < at) + 1;
        let written: Written = toml::from_str(text).map_err(|why| {
            let at = why.span().map_or(String::new(), |span| format!(", line {}", line(span.start)));
            error!(Usage, "{}{at}: {}", shown(origin), shown(why.message()))
        })?;
        let Written { description, layers } = written;
        if layers.len() > MAX_LAYERS {
            let (many, origin) = (layers.len(), shown(origin));
            return Err(error!(Usage, "{origin}: a network has at most {MAX_LAYERS} layers, not {many}"));
        }
        let mut file = NetworkFile {
            origin: origin.to_string(),
            text: text.to_string(),
            description,
            layers: Vec::new(),
        };
        for layer in layers {
            let begins = line(layer.span().start);
            let mut fields = BTreeMap::new();
            for (name, value) in layer.into_inner() {
                let (at, value) = (line(value.span().start), value.into_inner());
                if !is_plain(&value) {
                    let what = format!("{} is {}, which no field of a layer is", shown(&name), shown(&value));
                    return Err(file.wrong(at, &what));
                }
                fields.insert(name, (at, serde_json::to_value(value).unwrap_or_default()));
            }
            file.layers.push(Entry { line: begins, fields });
        }
        Ok(file)
    }

    /// What it says of itself.
    pub fn description(&self) -> &str {
        &self.description
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The network for pictures of these classes, size and colour; `dropout` takes the place of the rate of every dropout layer.
    ///
    /// # Errors
    /// `Usage`, with the line and the layer, for what no network can have.
    pub fn network(
        &self,
        classes: Vec<String>,
        image_size: usize,
        color: Color,
        dropout: Option<f64>,
    ) -> Result<Network> {
        let network = Network::new(classes, image_size, Graph::new()).in_color(color);
        let mut nodes = Graph::new();
        let logits = network.head.logits(network.classes.len())?;
        for entry in &self.layers {
            nodes = self.add(nodes, entry, logits, dropout)?;
        }
        let network = Network { nodes, ..network };
        network.placed().map_err(|why| self.with_line(why, &network.nodes))?;
        Ok(network)
    }

    fn add(&self, nodes: Graph, entry: &Entry, logits: usize, dropout: Option<f64>) -> Result<Graph> {
        let mut fields = entry.fields.clone();
        let mut text = |field: &str| match fields.remove(field) {
            None => Ok(None),
            Some((line, Value::String(text))) => Ok(Some((line, text))),
            Some((line, _)) => Err(self.wrong(line, &format!("{field} has to be a text in quotes"))),
        };
        let (name, type_name) = (text("name")?.map(|(_, name)| name), text("type")?);
        let called = name.as_ref().map_or(String::new(), |name| format!("layer {}: ", shown(name)));
        let (type_line, type_name) = type_name.ok_or_else(|| {
            self.wrong(entry.line, &format!("{called}a layer needs a type, such as type = \"conv2d\""))
        })?;
        let inputs = match fields.remove("inputs") {
            None => None,
            Some((line, value)) => Some(serde_json::from_value::<Vec<String>>(value).map_err(|_| {
                self.wrong(line, &format!("{called}inputs has to be a list of names, such as [\"relu1\"]"))
            })?),
        };
        let lines: BTreeMap<_, _> = fields.iter().map(|(field, (line, _))| (field.clone(), *line)).collect();
        let number = |(field, (_, value)): (String, (usize, Value))| match value {
            Value::String(text) if text == CLASSES => (field, Value::from(logits)),
            value => (field, value),
        };
        let mut fields: serde_json::Map<String, Value> = fields.into_iter().map(number).collect();
        if let (Some(rate), true) = (dropout, type_name == "dropout") {
            fields.insert("rate".to_string(), rate.into());
        }
        let layer = read(&type_name, Value::Object(fields)).map_err(|why| {
            // The field stands first, and then those that there are.
            let named = |field: &str| why.message.find(&format!(" {field}: "));
            let of_field = lines.iter().filter_map(|(field, line)| Some((named(field)?, line))).min();
            let hint = match lines.contains_key("activation") {
                true => "; an activation is a layer of its own, such as type = \"relu\"",
                false => "",
            };
            let line = of_field.map_or(type_line, |(_, line)| *line);
            self.wrong(line, &format!("{called}{}{hint}", why.message))
        })?;
        let name = name.unwrap_or_else(|| nodes.next_name(&*layer));
        if let Some(other) = nodes.nodes.iter().position(|node| node.name == name) {
            let line = self.layers[other].line;
            return Err(self.wrong(entry.line, &format!("{called}the layer of line {line} has this name")));
        }
        let inputs = inputs.unwrap_or_else(|| vec![nodes.last_name().to_string()]);
        Ok(nodes.with(name, layer, inputs))
    }

    /// The error with its line: one of the graph begins with the name of its node; any other is about the output, which is
    /// the last layer's.
    fn with_line(&self, why: Error, nodes: &Graph) -> Error {
        let is_of = |name: &str| why.message.starts_with(&format!("{}: ", shown(name)));
        let of_node = nodes.nodes.iter().enumerate().filter(|(_, node)| is_of(&node.name));
        // A name may begin with another one and a colon.
        let of_node = of_node.max_by_key(|(_, node)| node.name.len()).map(|(index, _)| &self.layers[index]);
        let message = match (of_node, self.layers.last()) {
            (Some(entry), _) => self.wrong(entry.line, &format!("layer {}", why.message)).message,
            (None, Some(last)) => self.wrong(last.line, &why.message).message,
            (None, None) => format!("{}: {}", shown(&self.origin), why.message),
        };
        why.saying(message)
    }

    fn wrong(&self, line: usize, what: &str) -> Error {
        error!(Usage, "{}, line {line}: {what}", shown(&self.origin))
    }
}

/// Whether a value can be a field: numbers that are finite, texts, and lists of these.
fn is_plain(value: &toml::Value) -> bool {
    match value {
        toml::Value::Float(number) => number.is_finite(),
        toml::Value::Array(values) => values.iter().all(is_plain),
        toml::Value::Datetime(_) | toml::Value::Table(_) => false,
        toml::Value::String(_) | toml::Value::Integer(_) | toml::Value::Boolean(_) => true,
    }
}

/// Where a run's network is described.
pub enum Described<'a> {
    File(NetworkFile),
    /// In a checkpoint, for pictures of its size.
    Kept(&'a Network),
}

impl Described<'_> {
    /// The network for pictures of a size, and of these classes.
    ///
    /// # Errors
    /// As [`NetworkFile::network`].
    pub fn network(&self, settings: &Settings, classes: &[String], size: usize) -> Result<Network> {
        match self {
            Described::File(file) => file.network(classes.to_vec(), size, settings.color, settings.dropout),
            Described::Kept(network) => Ok((*network).clone()),
        }
    }
}
