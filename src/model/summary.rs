//! The table of layers that `pawgrad summary` prints, as Keras users know it.

use super::graph::INPUT;
use super::{Model, Origin, Placed};
use crate::error::shown;
use std::fmt::Write;

const MIB: f64 = 1024.0 * 1024.0;

impl Model {
    /// Layers, output shapes and parameters; totals; memory of one image's activations.
    pub fn summary(&self) -> String {
        let mut rows =
            vec![[String::from("Layer (type)"), String::from("Output shape"), String::from("Parameters")]];
        let written = self.network.placed().expect("it was checked when the model was made");
        for (index, placed) in written.iter().enumerate() {
            let shape: Vec<_> = placed.output_shape.iter().map(usize::to_string).collect();
            rows.push([
                format!("{} ({}){}", shown(&placed.name), placed.layer.label(), taken(&written, index)),
                format!("(batch, {})", shape.join(", ")),
                thousands(placed.slot_values()),
            ]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (first, second, third) = (width(0), width(1), width(2));
        let line = "─".repeat(first + second + third + 6);

        let mut text = String::new();
        let raster = self.network.raster();
        let classes: Vec<_> = self.network.classes.iter().map(shown).collect();
        let _ = writeln!(text, "Network for {} of {raster}", listed(&classes));
        let _ = writeln!(text, "{line}");
        for (i, [layer, shape, parameters]) in rows.iter().enumerate() {
            let _ = writeln!(text, "{layer:<first$}   {shape:<second$}   {parameters:>third$}");
            if i == 0 {
                let _ = writeln!(text, "{line}");
            }
        }
        let _ = writeln!(text, "{line}");
        let parameters: usize = self.parameters().iter().map(|tensor| tensor.len()).sum();
        let all: usize = self.tensors().iter().map(|named| named.tensor.len()).sum();
        let bytes = parameters as f64 * 4.0;
        let _ =
            writeln!(text, "Parameters              {:>12}   {:8.2} MiB", thousands(parameters), bytes / MIB);
        if all > parameters {
            let (rest, bytes) = (thousands(all - parameters), (all - parameters) as f64 * 4.0);
            let _ = writeln!(text, "Non-trainable           {rest:>12}   {:8.2} MiB", bytes / MIB);
        }
        let moments = thousands(2 * parameters);
        let _ = writeln!(text, "Adam's moments          {moments:>12}   {:8.2} MiB", 2.0 * bytes / MIB);
        let activations: u64 = self.activations().iter().map(|(_, bytes)| bytes).sum();
        let per_image = thousands(activations as usize / 4);
        let _ =
            writeln!(text, "Activations per image   {per_image:>12}   {:8.2} MiB", activations as f64 / MIB);
        text
    }
}

/// Most classes that are named.
const NAMED: usize = 8;

/// "cats and dogs", "blue, green and red", and of many the first.
fn listed(classes: &[String]) -> String {
    match classes {
        [first @ .., last] if classes.len() <= NAMED => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more classes", classes[..NAMED].join(", "), classes.len() - NAMED),
    }
}

/// What a layer takes, where that is not what the layer before it makes.
fn taken(written: &[Placed], index: usize) -> String {
    let before = if index == 0 { Origin::Input } else { Origin::Node(index - 1) };
    let inputs = &written[index].inputs;
    if *inputs == [before] {
        return String::new();
    }
    let name = |origin: &Origin| match *origin {
        Origin::Input => INPUT.to_string(),
        Origin::Node(node) => shown(&written[node].name).to_string(),
    };
    format!(" of {}", inputs.iter().map(name).collect::<Vec<_>>().join(", "))
}

/// `33932545` as `33,932,545`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
