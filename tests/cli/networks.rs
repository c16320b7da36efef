//! Networks from TOML files: what is shipped, what a layer may leave out, and how mistakes are named.

use crate::common::program::{Place, files};
use pawgrad::data::Color;
use pawgrad::model::Network;
use pawgrad::run::network_file::{DEFAULT, NetworkFile, SHIPPED};
use std::fs;

fn classes(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

fn network(text: &str) -> Result<Network, String> {
    let read = NetworkFile::parse("my.toml", text);
    read.and_then(|file| file.network(classes(2), 16, Color::Gray, None)).map_err(|why| why.message)
}

#[test]
fn the_default_is_the_one_that_the_core_has() {
    let file = NetworkFile::find(DEFAULT.as_ref()).unwrap();
    for dropout in [None, Some(0.25)] {
        let network = file.network(classes(2), 64, Color::Gray, dropout).unwrap();
        assert_eq!(network, Network::cats_and_dogs(classes(2), 64, dropout.unwrap_or(0.5)));
    }
}

#[test]
fn all_that_are_shipped_fit_any_pictures_and_classes() {
    for (name, text) in SHIPPED {
        let file = NetworkFile::parse(name, text).unwrap();
        assert!(!file.description().is_empty(), "{name}");
        for (count, size, color) in [(2, 32, Color::Gray), (10, 33, Color::Rgb), (100, 64, Color::Gray)] {
            let network = file.network(classes(count), size, color, None).unwrap();
            let logits = network.placed().unwrap().last().unwrap().output_shape.clone();
            assert_eq!(logits, [if count == 2 { 1 } else { count }], "{name}");
            assert_eq!(network.raster().color, color);
            // What a file keeps of it is the same network.
            let kept: Network = serde_json::from_value(serde_json::to_value(&network).unwrap()).unwrap();
            assert_eq!(kept, network, "{name}");
        }
    }
}

#[test]
fn what_a_layer_leaves_out_is_kerass_default() {
    let short = "[[layers]]\ntype = \"conv2d\"\nfilters = 4\nkernel_size = 3\n\
                 [[layers]]\ntype = \"max_pool2d\"\n[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = \"classes\"\n";
    let long = "[[layers]]\nname = \"conv1\"\ntype = \"conv2d\"\ninputs = [\"input\"]\nfilters = 4\nkernel_size = [3, 3]\n\
                strides = [1, 1]\npadding = \"valid\"\n\
                [[layers]]\nname = \"pool1\"\ntype = \"max_pool2d\"\ninputs = [\"conv1\"]\npool_size = [2, 2]\nstrides = [2, 2]\n\
                [[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = 1\n";
    assert_eq!(network(short).unwrap(), network(long).unwrap());
    // A window that is not square, and one that overlaps.
    let wide = long.replace("pool_size = [2, 2]\nstrides = [2, 2]", "pool_size = [2, 3]\nstrides = 1");
    let placed = network(&wide).unwrap().placed().unwrap();
    assert_eq!(placed[1].output_shape, [4, 13, 12]);
}

/// What is wrong, where, and in which words.
#[test]
fn mistakes_are_named_with_their_line_and_layer() {
    let dense = "[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = \"classes\"\n";
    let conv = |fields: &str| format!("[[layers]]\ntype = \"conv2d\"\n{fields}\n{dense}");
    let layer = |fields: &str| format!("[[layers]]\n{fields}\n{dense}");
    let wrong: Vec<(String, &str, &[&str])> = vec![
        ("".into(), "", &["layers"]),
        ("layers = []".into(), "", &["at least one layer"]),
        ("layers = 5".into(), "line 1", &["expected a sequence"]),
        ("[[layers]\ntype = \"relu\"".into(), "line 1", &[]),
        ("[[layers]]\ntype = relu".into(), "line 2", &[]),
        ("[[layer]]\ntype = \"relu\"".into(), "line 1", &["unknown field `layer`"]),
        (format!("color = \"rgb\"\n{dense}"), "line 1", &["unknown field `color`"]),
        (layer("filters = 4"), "line 1", &["needs a type"]),
        (layer("type = 5"), "line 2", &["type has to be a text"]),
        (layer("name = 5\ntype = \"relu\""), "line 2", &["name has to be a text"]),
        (layer("type = \"conv3d\""), "line 2", &["no layer type \"conv3d\"", "conv2d"]),
        (layer("type = \"Conv2D\""), "line 2", &["no layer type", "conv2d"]),
        (layer("type = \"relu\"\ninputs = \"conv1\""), "line 3", &["list of names"]),
        (layer("type = \"relu\"\ninputs = [5]"), "line 3", &["list of names"]),
        (layer("type = \"relu\"\ninputs = [\"nothing\"]"), "line 1", &["relu1", "no layer before it"]),
        (layer("type = \"relu\"\ninputs = [\"dense1\"]"), "line 1", &["relu1", "in no circle"]),
        (layer("type = \"relu\"\ninputs = [\"relu1\"]"), "line 1", &["relu1", "in no circle"]),
        (layer("type = \"relu\"\ninputs = []"), "line 1", &["relu1", "takes 1 input, not 0"]),
        (layer("type = \"relu\"\ninputs = [\"input\", \"input\"]"), "line 1", &["takes 1 input, not 2"]),
        (layer("name = \"input\"\ntype = \"relu\""), "line 1", &["another name is needed"]),
        (
            format!("{dense}name = \"flat\"\n{}", dense.replace("units", "name = \"flat\"\nunits")),
            "line 9",
            &["layer flat: the layer of line 3 has this name"],
        ),
        (layer("type = \"relu\"\nslope = 0.1"), "line 3", &["relu", "unknown field `slope`"]),
        (conv("filters = 4\nkernel = 3"), "line 4", &["unknown field `kernel`"]),
        (
            conv("filters = 4\nkernel_size = 3\nactivation = \"relu\""),
            "line 5",
            &["an activation is a layer of its own"],
        ),
        (conv("kernel_size = 3"), "line 2", &["conv2d", "missing field `filters`"]),
        (conv("filters = \"many\"\nkernel_size = 3"), "line 3", &["conv2d", "filters: invalid type"]),
        (conv("filters = 4.5\nkernel_size = 3"), "line 3", &["conv2d", "filters: invalid type"]),
        (conv("filters = -4\nkernel_size = 3"), "line 3", &["conv2d", "filters: ", "-4"]),
        (conv("filters = 0\nkernel_size = 3"), "line 1", &["conv1", "filters is 0"]),
        (conv("filters = 1000000000\nkernel_size = 3"), "line 1", &["conv1", "filters is 1000000000"]),
        (conv("filters = 4\nkernel_size = [3, 3, 3]"), "line 4", &["conv2d", "kernel_size: a whole number"]),
        (conv("filters = 4\nkernel_size = 30"), "line 1", &["conv1", "does not fit"]),
        (
            conv("filters = 4\nkernel_size = 3\npadding = \"reflect\""),
            "line 5",
            &["conv2d", "padding: ", "reflect"],
        ),
        (conv("filters = 4\nkernel_size = 3\nstrides = 0"), "line 1", &["conv1", "strides is 0"]),
        (layer("type = \"dense\"\nunits = 4"), "line 1", &["dense1", "takes [features]"]),
        (layer("type = \"leaky_relu\"\nnegative_slope = inf"), "line 3", &["negative_slope is inf"]),
        (layer("type = \"max_pool2d\"\nstrides = nan"), "line 3", &["strides is nan"]),
        (layer("type = \"max_pool2d\"\nstrides = 1979-05-27"), "line 3", &["strides is 1979-05-27"]),
        (layer("type = \"max_pool2d\"\nstrides = {height = 2}"), "line 3", &["strides is "]),
        (layer("type = \"relu\"\ntype = \"relu\""), "line 3", &["duplicate key"]),
        (layer("type = \"dropout\"\nrate = 1.5"), "line 1", &["rate"]),
        (dense.replace("\"classes\"", "1000000000"), "line 3", &["units is 1000000000"]),
        (dense.replace("\"classes\"", "7"), "line 3", &["the last layer, dense1", "1 logit"]),
        (
            format!("{dense}[[layers]]\ntype = \"relu\"\ninputs = [\"input\"]\n"),
            "line 6",
            &["one output", "dense1, relu1"],
        ),
    ];
    assert!(wrong.len() >= 30, "{}", wrong.len());
    let place = Place::new();
    let before = files(place.dir.path());
    for (text, line, words) in wrong {
        let why = network(&text).expect_err(&text);
        assert!(why.starts_with("my.toml"), "{text}\n{why}");
        assert!(words.iter().all(|word| why.contains(word)), "{text}\n{why}");
        assert!(line.is_empty() || why.contains(&format!("{line}:")), "{text}\n{why}");
        // The program says the same, and leaves nothing.
        fs::write(place.path("my.toml"), &text).unwrap();
        let train = "train --train-dir train --test-dir test --image-size 16 --device cpu --network my.toml --out run";
        let first = why.lines().next().unwrap_or_default();
        place.run(train).fails(2, &[first]);
        fs::remove_file(place.path("my.toml")).unwrap();
        assert_eq!(files(place.dir.path()), before, "{text}");
    }
}

#[test]
fn a_network_has_as_many_layers_as_a_graph_may() {
    let start = std::time::Instant::now();
    let many = "[[layers]]\ntype = \"relu\"\n".repeat(40_000);
    assert!(network(&many).unwrap_err().contains("at most 2048"), "{}", network(&many).unwrap_err());
    // It is refused before its layers get names, which would take minutes.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
