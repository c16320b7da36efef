//! Where a network looks: Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
//! Gradient-based Localization", 2017, equations 1 and 2).

use crate::error::{Result, error};
use crate::model::layers::Conv2d;
use crate::model::{Head, Mode, Model, Origin, Placed};
use crate::ops::add::accumulate;
use crate::ops::input::upload;
use crate::tape::{Tape, Var};
use serde::Serialize;

/// How much each place of the last convolution's maps, behind what follows in the same places, speaks for a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heat {
    pub height: usize,
    pub width: usize,
    /// `[height, width]`, from 0 to 1; all 0 where nothing speaks for the class.
    pub values: Vec<f32>,
    /// Index of the class.
    pub class: usize,
}

/// Index of the node whose maps are weighed; `None` without a convolution. The maps are those of the last convolution, behind
/// what follows it in the same places: a norm, a sum with a branch, an activation. Pooling is not: its maps are coarser.
pub(super) fn last_maps(model: &Model) -> Option<usize> {
    let nodes: Vec<_> = model.nodes().collect();
    let last = nodes.iter().rposition(|node| node.layer.downcast::<Conv2d>().is_some())?;
    let shape = &nodes[last].output_shape;
    let takes = |node: &Placed, from| node.inputs.contains(&Origin::Node(from));
    let behind = |&from: &usize| {
        let follows = |at: &usize| takes(nodes[*at], from) && nodes[*at].output_shape == *shape;
        (from + 1..nodes.len()).find(follows)
    };
    std::iter::successors(Some(last), behind).last()
}

/// Where a network looks for the class of index `class`, and its logits: another model, or another picture, has others. The
/// picture, bytes `[size, size, channels]`, runs through `model` once more, which must run layer by layer. `done` is called
/// after each layer.
///
/// # Errors
/// `Usage` for a network without convolutions; what the device reports.
pub async fn run(model: &Model, pixels: &[u8], class: usize, done: &dyn Fn()) -> Result<(Heat, Vec<f32>)> {
    let device = model.device();
    let pixels = upload(device, pixels)?;
    let last = last_maps(model).ok_or_else(|| error!(Usage, "{WITHOUT}"))?;
    let tape = Tape::new(device, accumulate);
    let vars = model.vars(&tape, false);
    let mut cut = None;
    let mut keep = |index, y: Var| {
        done();
        match index == last {
            true => cut.insert(tape.parameter(&y.tensor)).clone(),
            false => y,
        }
    };
    let logits = model.forward_through(&tape, &vars, &pixels, 1, Mode::Infer, &mut keep)?;
    let maps = cut.expect("every layer was run");
    let heat = Heat::of(tape, model.network.head, &logits, &maps, class).await?;
    Ok((heat, logits.tensor.read_f32().await?))
}

/// Why there is no heat map.
pub const WITHOUT: &str = "a network without convolutions looks at no place";

impl Heat {
    /// relu(sum over channels of a * A): A are the maps of the last convolution, and `a` the mean over places of the
    /// gradient of the class's evidence with respect to each. `tape` has recorded how `logits` `[1, logits]` came from `maps` `[1, channels, height, width]`.
    ///
    /// # Errors
    /// What the device reports.
    pub(super) async fn of(tape: Tape, head: Head, logits: &Var, maps: &Var, class: usize) -> Result<Heat> {
        let evidence = head.evidence_gradient(tape.device(), logits.shape()[1], class)?;
        let mut gradients = tape.backward(logits, evidence)?;
        let gradient = gradients.take(maps).ok_or_else(|| error!(Other, "the maps have no gradient"))?;

        let &[_, channels, height, width] = maps.shape() else { unreachable!("maps") };
        let (maps, gradient) = (maps.tensor.read_f32().await?, gradient.read_f32().await?);
        Ok(Heat { height, width, values: weighted(&maps, &gradient, channels), class })
    }
}

/// The maps, each times its gradient's mean, added up, without what is below 0, divided by the largest.
fn weighted(maps: &[f32], gradient: &[f32], channels: usize) -> Vec<f32> {
    let places = maps.len() / channels;
    let mut sums = vec![0.0f64; places];
    for (map, gradient) in maps.chunks(places).zip(gradient.chunks(places)) {
        let mean = gradient.iter().map(|&g| f64::from(g)).sum::<f64>() / places as f64;
        for (sum, &value) in sums.iter_mut().zip(map) {
            *sum += mean * f64::from(value);
        }
    }
    let largest = sums.iter().copied().fold(0.0, f64::max);
    let scale = if largest > 0.0 { 1.0 / largest } else { 0.0 };
    sums.into_iter().map(|sum| (sum.max(0.0) * scale) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::{last_maps, weighted};
    use crate::data::Color;
    use crate::device::Device;
    use crate::model::Model;
    use crate::run::network_file::{NetworkFile, SHIPPED};

    #[test]
    fn the_last_maps_lie_behind_norm_sum_and_activation() {
        let names = SHIPPED.map(|(name, text)| {
            let classes = ["cat", "dog"].map(String::from).to_vec();
            let file = NetworkFile::parse(name, text).unwrap();
            let network = file.network(classes, 32, Color::Gray, None).unwrap();
            let model = Model::new(network, &Device::on_paper(*Device::cpu().limits()), 1, false).unwrap();
            let last = last_maps(&model).unwrap();
            (name, model.nodes().nth(last).unwrap().name.clone())
        });
        let expected = [
            ("default", "relu3"),
            ("small", "relu3"),
            ("batch_norm", "relu4"),
            ("residual", "stage4_block2"),
        ];
        assert_eq!(names, expected.map(|(name, node)| (name, node.to_string())));
    }

    #[test]
    fn maps_count_by_the_mean_of_their_gradient() {
        // The first map speaks for the class with 2, the second against it with 1.
        let maps = [1.0, 3.0, 0.0, 0.0, 0.0, 2.0, 4.0, 0.0];
        let gradient = [2.0, 2.0, 0.0, 4.0, -1.0, -1.0, -1.0, -1.0];
        assert_eq!(weighted(&maps, &gradient, 2), [0.5, 1.0, 0.0, 0.0]);
        assert_eq!(weighted(&maps, &[0.0; 8], 2), [0.0; 4], "nothing speaks for it");
    }
}
