//! What the microscope looks at: a kernel, with sizes and values.

use super::args::MicroscopeArgs;
use crate::check::{Case, Table, all, table};
use crate::commands::load::{load_model, model_file};
use crate::commands::only::closest;
use crate::data::decode_file;
use crate::device::Device;
use crate::error::{Error, Result, error, list, shown, shown_path};
use crate::memory;
use crate::microscope::lab::need;
use crate::microscope::view::{OfLayer, Subject, case_of};
use crate::model::{Model, Network};
use crate::run::newest_with_model;
use crate::train::settings::image_size_problem;

/// Values of the largest tensor.
const MOST_VALUES: u64 = 1 << 28;

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
            let pixels = decode_file(image, model.network.raster())
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
            let size = args.image_size;
            let case = network_case(args, kernel, 1)?.ok_or_else(|| no_layer(kernel))?;
            Ok((Subject::drawn(case), format!("{layer}, {size}x{size}, random values")))
        }
        (None, _) => {
            let said = format!("{}, random values", plain.call.params());
            Ok((Subject::drawn(plain), said))
        }
    }
}

/// The kernel at the sizes of the network's layer that was named, else of the first that has it; `None` where no layer has.
///
/// # Errors
/// `Usage` for a layer that has it not, and for sizes that no kernel indexes; `OutOfMemory` before anything takes memory.
pub fn network_case(args: &MicroscopeArgs, kernel: &str, batch: u32) -> Result<Option<Case>> {
    let size = args.image_size;
    if let Some(problem) = image_size_problem(size as usize) {
        return Err(error!(Usage, "--image-size {problem}"));
    }
    if batch == 0 {
        return Err(error!(Usage, "--batch-size must be 1 or more"));
    }
    // conv1's output and dense1's weight are the largest tensors.
    if (u64::from(batch) * 64).max(512) * u64::from(size).pow(2) > MOST_VALUES {
        let what = "these sizes make too large a tensor: use a smaller --image-size or --batch-size";
        return Err(error!(Usage, "{what}"));
    }
    let cases = table(Table::Network { image_size: size, batch });
    let mut named: Vec<_> = cases.into_iter().filter(|case| case.call.name() == kernel).collect();
    if named.is_empty() {
        return Ok(None);
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
    let case = named.swap_remove(place);
    let what = format!("{kernel} of {} at {size}x{size} pixels, {batch} at a time,", case.why);
    memory::check(&what, &[need(&case)])?;
    Ok(Some(case))
}

/// No layer of the network has the kernel.
pub fn no_layer(kernel: &str) -> Error {
    match case_of(kernel) {
        Some(_) => error!(Usage, "{kernel} runs for no layer of the network"),
        None => no_kernel(kernel),
    }
}

/// The model that looks at the picture, on the CPU, and in words which one it is.
fn model(args: &MicroscopeArgs) -> Result<(Model, String)> {
    let device = Device::cpu();
    let named = args.model.as_deref().map(|path| model_file(path, false)).transpose()?;
    let newest = || Ok(newest_with_model()?.map(|run| run.model_file()));
    match named.map_or_else(newest, |file| Ok(Some(file)))? {
        Some(file) => {
            let model = load_model(&file, &device)?;
            Ok((model, format!("the model {}", shown_path(&file))))
        }
        None => {
            let classes = ["cats", "dogs"].map(str::to_string).to_vec();
            let network = Network::cats_and_dogs(classes, args.image_size as usize, 0.5);
            let paper = Model::new(network.clone(), &Device::on_paper(*device.limits()), 0, false)?;
            let needs = [memory::of_parameters(&paper), memory::of_use(&paper, 1)?].concat();
            memory::check("this network", &needs)?;
            Ok((
                Model::new(network, &device, 0, false)?,
                "a network with random weights (no run is there)".to_string(),
            ))
        }
    }
}

/// There is no such kernel.
pub fn no_kernel(kernel: &str) -> Error {
    let cases = all();
    let hint = closest(cases.iter().map(|case| case.call.name()), kernel);
    let of_op = |name: &&str| name.split('.').next() == Some(kernel);
    let mut those: Vec<_> = cases.iter().map(|case| case.call.name()).filter(of_op).collect();
    those.dedup();
    let hint = match hint {
        _ if !those.is_empty() => format!(": there are {}", those.join(", ")),
        Some(name) => format!("; did you mean {name}?"),
        None => String::new(),
    };
    error!(Usage, "there is no kernel {}{hint}", shown(kernel))
}
