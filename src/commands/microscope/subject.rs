//! What the microscope looks at: a kernel, with sizes and values.

use super::args::MicroscopeArgs;
use crate::check::{Case, Table, all, table};
use crate::commands::load::{load_model, model_file};
use crate::commands::only::closest;
use crate::data::decode_file;
use crate::device::Device;
use crate::error::{Error, Result, error, list, shown, shown_path};
use crate::microscope::view::{OfLayer, Subject, case_of};
use crate::model::{Model, Network};
use crate::run::newest_with_model;
use crate::train::settings::image_size_problem;

/// The subject, and what a person should know of its values.
pub fn subject(args: &MicroscopeArgs) -> Result<(Subject, String)> {
    let kernel = args.kernel.as_str();
    let Some(plain) = case_of(kernel) else { return Err(no_kernel(kernel)) };
    if let Some(problem) = image_size_problem(args.image_size as usize) {
        return Err(error!(Usage, "--image-size {problem}"));
    }
    match (&args.layer, &args.image) {
        (Some(layer), Some(image)) => {
            let (model, origin) = model(args)?;
            let size = model.network.image_size;
            let pixels = decode_file(image, size)
                .map_err(|why| error!(Data, "{} cannot be used: {why}", shown_path(image)))?;
            let classes = &model.network.classes;
            let label = match &args.label {
                None => 0,
                Some(label) => classes.iter().position(|class| class == label).ok_or_else(|| {
                    error!(Usage, "--label {}: the model's classes are {}", shown(label), list(classes))
                })?,
            };
            let subject = OfLayer::new(&model, &pixels, label as u32, layer)?.subject(kernel)?;
            let said = format!("{layer}, {size}x{size}, looking at {} with {origin}", shown_path(image));
            Ok((subject, said))
        }
        (Some(layer), None) => {
            let (size, case) = (args.image_size, network_case(args, kernel, 1)?);
            Ok((Subject::drawn(case), format!("{layer}, {size}x{size}, random values")))
        }
        (None, _) => {
            let said = format!("{}, random values", plain.call.params());
            Ok((Subject::drawn(plain), said))
        }
    }
}

/// The kernel at the sizes of the network's layer that was named, else of the first that has it.
pub fn network_case(args: &MicroscopeArgs, kernel: &str, batch: u32) -> Result<Case> {
    let cases = table(Table::Network { image_size: args.image_size, batch });
    let mut named: Vec<_> = cases.into_iter().filter(|case| case.call.name() == kernel).collect();
    if named.is_empty() {
        return Err(match case_of(kernel) {
            Some(_) => error!(Usage, "{kernel} runs for no layer of the network"),
            None => no_kernel(kernel),
        });
    }
    let place = match &args.layer {
        None => Some(0),
        Some(layer) => named.iter().position(|case| case.why == layer),
    };
    let layers: Vec<_> = named.iter().map(|case| case.why.to_string()).collect();
    let place = place.ok_or_else(|| {
        let layer = shown(args.layer.as_deref().unwrap_or_default());
        error!(Usage, "{kernel} does not run for {layer}: it runs for {}", list(&layers))
    })?;
    Ok(named.swap_remove(place))
}

/// The model that looks at the picture, on the CPU, and in words which one it is.
fn model(args: &MicroscopeArgs) -> Result<(Model, String)> {
    let device = Device::cpu();
    let named = args.model.as_deref().map(model_file).transpose()?;
    let newest = || Ok(newest_with_model()?.map(|run| run.model_file()));
    match named.map_or_else(newest, |file| Ok(Some(file)))? {
        Some(file) => {
            let model = load_model(&file, &device)?;
            Ok((model, format!("the model {}", shown_path(&file))))
        }
        None => {
            let classes = ["cats", "dogs"].map(str::to_string).to_vec();
            let network = Network::cats_and_dogs(classes, args.image_size as usize, 0.5);
            Ok((
                Model::new(network, &device, 0, false)?,
                "a network with random weights (no run is there)".to_string(),
            ))
        }
    }
}

/// There is no such kernel.
fn no_kernel(kernel: &str) -> Error {
    let cases = all();
    let hint = closest(cases.iter().map(|case| case.call.name()), kernel);
    let hint = hint.map_or_else(String::new, |name| format!("; did you mean {name}?"));
    error!(Usage, "there is no kernel {}{hint}", shown(kernel))
}
