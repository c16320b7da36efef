//! Ten classes, a hundred, and networks with branches, as a person sees them.

use crate::common::program::Place;
use crate::common::studio::Studio;
use crate::page::{Page, browser};
use crate::runs::nothing_is_cut;
use crate::{load_axe, newest_run, nothing_serious};
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

/// Ten hues, evenly around the circle.
const HUES: [&str; 10] =
    ["red", "orange", "yellow", "lime", "green", "teal", "cyan", "blue", "violet", "magenta"];

/// The colour of a hue, from 0 to 1, at this brightness.
fn coloured(hue: f64, light: f64) -> Rgb<u8> {
    let part = |turn: f64| (((hue + turn).fract() * 6.0 - 3.0).abs() - 1.0).clamp(0.0, 1.0);
    Rgb([0.0, 2.0 / 3.0, 1.0 / 3.0].map(|turn| (255.0 * light * (0.15 + 0.85 * part(turn))) as u8))
}

/// A picture of a class: a spot of its hue somewhere on gray.
fn hue(class: usize, number: u32) -> RgbImage {
    let [x, y] = [4 + number * 5 % 9, 4 + number * 7 % 9].map(f64::from);
    RgbImage::from_fn(16, 16, |i, j| {
        let noise = f64::from((i * 31 + j * 17 + number * 13) % 23) / 100.0;
        match (f64::from(i) - x).hypot(f64::from(j) - y) < 5.0 {
            true => coloured(class as f64 / 10.0, 0.75 + noise),
            false => Rgb([(90.0 + 200.0 * noise) as u8; 3]),
        }
    })
}

fn save(place: &Place, name: &str, picture: &RgbImage) {
    let path = place.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.save(path).unwrap();
}

/// A studio with pictures of ten hues, of which the first has fewer than the others.
fn with_hues() -> Studio {
    let place = Place::new();
    for (class, name) in HUES.iter().enumerate() {
        for number in 0..if class == 0 { 5 } else { 15 } {
            save(&place, &format!("hues/{name}/{number:02}.png"), &hue(class, number));
        }
    }
    Studio::at(place, "")
}

/// Nothing is wider than the screen, and nothing stands in the way of anyone: on a desktop and on a phone, light and dark. `shown` is
/// what pictures of it begin with.
fn fits_and_is_open_to_all(page: &Page, view: &str, shown: &str) {
    let is_looked_at = std::env::var_os("PAWGRAD_SCREENSHOTS").is_some();
    for (theme, width) in [("first", 1280), ("first", 380), ("second", 1280), ("second", 380)] {
        // Colours move nothing, and widths have no colours: all four are for who looks at them.
        let is_needed = (theme, width) == ("first", 1280) || (theme, width) == ("second", 380);
        if is_needed || is_looked_at {
            page.resize(width, 1000);
            let what = format!("{view} at {width} pixels, {theme} theme");
            let over = page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(over, json!(0), "{what}");
            nothing_is_cut(page, view);
            nothing_serious(page, &what);
            page.js(&format!("document.querySelector({shown:?}).scrollIntoView()"));
            page.screenshot(&format!("50-{view}-{width}-{theme}"));
        }
        if width == 380 {
            page.resize(1280, 1000);
            page.click("#theme");
        }
    }
}

fn picture_of(selector: &str) -> String {
    format!("document.querySelector('{selector}').toDataURL()")
}

#[test]
fn ten_classes_are_trained_predicted_and_looked_into() {
    let studio = with_hues();
    let browser = browser();
    let settings = "#train?train_dir=hues&validation_split=0.2&network=small&color=rgb&class_weights=auto\
                    &image_size=16&epochs=4&batch_size=8&learning_rate=0.002&seed=1&device=cpu";
    let page = Page::open(&browser, &studio.address, settings);
    page.says("#fields", "red 5");
    // No folder of test pictures is asked for; the network is described for what was chosen.
    assert_eq!(page.js("document.querySelector('#field-test_dir').checkVisibility()"), false);
    let size_of = |name: &str, query: &str| {
        let told = studio.json(&format!("/api/networks/{name}?{query}"));
        let digits = told["parameters"].to_string();
        let groups: Vec<_> =
            digits.as_bytes().rchunks(3).rev().map(|part| str::from_utf8(part).unwrap()).collect();
        format!("{} parameters in {} layers", groups.join(","), told["layers"])
    };
    let small = size_of("small", "classes=10&image_size=16&color=rgb");
    let network = ".field:has(#field-network)";
    page.says(network, &format!("{small}, for 10 classes and coloured pictures of 16 × 16 pixels."));
    let graph = "document.querySelector('.network-graph')";
    assert_eq!(page.js(&format!("{graph}.open")), false);
    page.js("(() => { const menu = document.querySelector('#field-network'); menu.value = 'default';\
               for (const type of ['input', 'change']) menu.dispatchEvent(new Event(type)); })()");
    page.says(network, &size_of("default", "classes=10&image_size=16&color=rgb"));
    page.wait(&format!("{graph}.open && {graph}.querySelector('img').naturalHeight > 1000"));
    page.js("document.querySelector('#field-network').scrollIntoView()");
    load_axe(&page);
    fits_and_is_open_to_all(&page, "form", "#field-color");
    page.select("#field-network", "small");
    page.js("document.querySelector('#field-network').dispatchEvent(new Event('input'))");
    page.says(network, &small);
    page.fill("#field-image_size", "");
    page.says(network, &size_of("small", "classes=10&image_size=64&color=rgb"));
    page.fill("#field-image_size", "16");
    page.says(network, &small);
    // What only the server finds wrong stands at its field.
    page.fill("#field-validation_split", "0.2");
    studio.place.bash("mkdir aside && mv hues/red/0[1-4].png aside").succeeds();
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.says("#error-validation_split", "the class red has 1 picture: none can be kept from training");
    assert_eq!(page.js("document.activeElement.id"), "field-validation_split");
    studio.place.bash("mv aside/* hues/red").succeeds();
    page.fill("#field-validation_split", "0.25");
    page.fill("#field-validation_split", "0.2");
    page.wait("!document.querySelector('#start').disabled");

    page.click("#start");
    page.wait("document.querySelector('#loss-chart').data?.some(({ name }) => name == 'guessing: ln 10')");
    page.says("#status", "Finished");
    page.says("#settings", "Network small");
    page.says("#settings", "red, green and blue");
    page.says("#settings", "Validation split 20 %");
    page.says("#settings", "red 2.");
    // The matrix is what the server counts, and so are the most frequent mistakes.
    let told = studio.json(&format!("/api/runs/{}/mistakes", newest_run(&studio)));
    let shown = page.js("[...document.querySelectorAll('#confusion-table tbody tr')].map((row) =>\
                           [...row.querySelectorAll('td')].map((cell) => Number(cell.innerText) || 0))");
    assert_eq!(shown, told["confusion"], "{told}");
    let names = page.js(
        "[...document.querySelectorAll('#confusion-table thead .matrix-name')].map((name) => name.innerText)",
    );
    assert_eq!(names, told["classes"]);
    let mistakes = told["confusion"].as_array().unwrap().iter().enumerate().flat_map(|(i, row)| {
        let row = row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).enumerate();
        row.filter(move |(j, n)| i != *j && *n > 0).map(move |(j, n)| (n, i, j))
    });
    let mistakes: Vec<_> = mistakes.collect();
    let listed =
        page.js("[...document.querySelectorAll('.frequent-list li')].map((line) => line.textContent)");
    let listed = listed.as_array().unwrap();
    assert!(!mistakes.is_empty(), "another seed is needed: nothing is mistaken");
    assert_eq!(listed.len(), mistakes.len());
    for (n, i, j) in mistakes {
        let words = format!(
            "{}, named {}",
            told["classes"][i].as_str().unwrap(),
            told["classes"][j].as_str().unwrap()
        );
        let is_line = |line: &&Value| {
            let line = line.as_str().unwrap();
            line.contains(&words) && line.trim_start().starts_with(&n.to_string())
        };
        assert!(listed.iter().any(|line| is_line(&line)), "{n} {words} is not among {listed:?}");
    }
    page.wait("document.querySelectorAll('#mistakes button').length > 0");
    assert_eq!(page.js("document.querySelector('#mistakes img').src.endsWith('color=rgb')"), true);
    fits_and_is_open_to_all(&page, "mistakes", "#result-title");

    page.click("nav [data-view=predict]");
    page.choose("#predict-file", &[&studio.place.path("hues/blue/03.png")]);
    page.wait("document.querySelector('#results .verdict')");
    let best = page
        .js("[...document.querySelectorAll('#results .prediction > .scores > .score')].map((row) =>\
                          [row.dataset.class, parseFloat(row.querySelector('output').innerText)])");
    let shares: Vec<f64> = best.as_array().unwrap().iter().map(|row| row[1].as_f64().unwrap()).collect();
    assert_eq!(shares.len(), 3, "{best}");
    assert!(shares[0] >= shares[1] && shares[1] >= shares[2], "{best}");
    assert_eq!(best[0][0], page.js("document.querySelector('#results .class').innerText"));
    page.says("#results", "The other 7 classes: together");
    page.js("document.querySelector('.more-scores').open = true");
    assert_eq!(page.js("document.querySelectorAll('.more-scores .score').length"), 7);
    fits_and_is_open_to_all(&page, "predicted", "#results");

    page.click("#results .look-inside");
    page.wait("document.querySelectorAll('#layers canvas').length >= 6");
    page.wait("document.querySelector('.heat .over').width > 1");
    let offered = page.js("[...document.querySelectorAll('#heat-class option')].map((one) => one.innerText)");
    assert_eq!(offered.as_array().unwrap().len(), 10);
    let chosen = page.js("document.querySelector('#heat-class').selectedOptions[0].innerText");
    assert_eq!(chosen.as_str().unwrap(), format!("{}, as predicted", best[0][0].as_str().unwrap()));
    let first = page.js(&picture_of(".heat .over"));
    let mut differ = 0;
    for (number, other) in HUES.iter().enumerate().skip(1).step_by(3) {
        // Classes are sorted by their names.
        let mut sorted = HUES;
        sorted.sort_unstable();
        let at = sorted.iter().position(|name| name == other).unwrap();
        page.select("#heat-class", &at.to_string());
        page.wait(&format!(
            "['the score for “{other}”', 'speaks for “{other}”.'].some((words) => document.querySelector('.heat-text').innerText.includes(words))"
        ));
        differ += usize::from(page.js(&picture_of(".heat .over")) != first);
        assert!(number < 10);
    }
    assert!(differ >= 2, "other classes look elsewhere");
    // The units of the last layer are classes.
    page.js("document.querySelector('[data-layer=dense2] canvas.maps').focus()");
    page.press("Enter");
    page.says("[data-layer=dense2] .unit h4", "dense2, unit 0 (blue)");
    page.js("document.querySelector('[data-layer=conv1] canvas.maps').focus()");
    page.press("Enter");
    page.says("[data-layer=conv1] .unit", "Each of the 3 colours of the picture gives 9 products");
    page.says("[data-layer=conv1] .unit", "inputs, green");
    page.click("#show-gradient");
    page.says("#gradient-note", "The gradient of the loss");
    fits_and_is_open_to_all(&page, "inside-ten", "#heat-title");
    page.is_content_but_for(&["422", "404"]);
}

/// Where boxes of the graph overlap, their words are cut, or an edge runs through a box that it does not join.
const WRONG_IN_GRAPH: &str = "(() => {\
    const boxes = [...document.querySelectorAll('.graph-box')];\
    const at = boxes.map(({ offsetLeft: x, offsetTop: y, offsetWidth: w, offsetHeight: h }) => ({ x, y, w, h }));\
    const name = (box) => box.querySelector('strong').innerText.replace(/^picture$/, 'the picture');\
    const wrong = [];\
    at.forEach((a, i) => at.slice(i + 1).forEach((b, j) => {\
      if (a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h) wrong.push(`${name(boxes[i])} on ${name(boxes[i + 1 + j])}`);\
    }));\
    for (const box of boxes) for (const part of box.children)\
      if (!part.matches('.hidden-text') && part.scrollWidth > part.clientWidth) wrong.push(`cut: ${part.innerText}`);\
    for (const edge of document.querySelectorAll('.graph-edge')) {\
      const ends = edge.dataset.edge.split(' ');\
      const length = edge.getTotalLength();\
      for (let s = 3; s < length - 3; s += 3) {\
        const { x, y } = edge.getPointAtLength(s);\
        const through = boxes.filter((_, i) => x > at[i].x && x < at[i].x + at[i].w && y > at[i].y && y < at[i].y + at[i].h);\
        const others = through.filter((box) => !ends.includes(name(box)) && !edge.dataset.edge.startsWith(name(box)));\
        if (others.length) { wrong.push(`${edge.dataset.edge} runs through ${name(others[0])}`); break; }\
      }\
    }\
    return wrong;\
  })()";

/// Every kind of layer that the page has words for, with branches.
const NETWORK: &str = r#"
[[layers]]
type = "conv2d"
filters = 4
kernel_size = 1
padding = "same"
[[layers]]
name = "stem"
type = "leaky_relu"
[[layers]]
type = "conv2d"
filters = 4
kernel_size = 3
padding = "same"
use_bias = false
[[layers]]
type = "batch_norm"
[[layers]]
name = "short"
type = "conv2d"
inputs = ["stem"]
filters = 4
kernel_size = 3
padding = "same"
[[layers]]
name = "sum"
type = "add"
inputs = ["batch_norm1", "short"]
[[layers]]
name = "again"
type = "add"
inputs = ["sum", "stem"]
[[layers]]
name = "mean"
type = "global_avg_pool"
[[layers]]
type = "dense"
units = "classes"
"#;

/// A run of the command line in runs/, of one step.
fn by_hand(place: &Place, name: &str, more: &str) {
    let line = format!(
        "train --train-dir train --test-dir test --image-size 16 --batch-size 4 --seed 1 --device cpu --out runs/{name} {more}"
    );
    place.run(&line).succeeds();
}

#[test]
fn networks_with_branches_and_many_layers_are_looked_into() {
    let place = Place::new();
    std::fs::write(place.path("own.toml"), NETWORK).unwrap();
    let residual = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/networks/residual.toml");
    std::fs::copy(residual, place.path("residual.toml")).unwrap();
    let dense = "layers = [{ type = \"flatten\" }, { type = \"dense\", units = \"classes\" }]";
    std::fs::write(place.path("dense.toml"), dense).unwrap();
    by_hand(&place, "0_dense", "--epochs 1 --network dense.toml");
    by_hand(&place, "1_residual", "--epochs 1 --network residual.toml");
    by_hand(&place, "2_own", "--epochs 3 --network own.toml --color rgb");
    let studio = Studio::at(place, "");
    let browser = browser();
    let page = Page::open(&browser, &studio.address, "#inside");
    page.wait("document.querySelector('#inside-run option[value=\"2_own\"]')");
    page.choose("#inside-file", &[&studio.place.path("test/cats/1.png")]);
    page.says("#inside-status", "Run 2_own");
    page.wait("document.querySelectorAll('#layers canvas').length >= 9");
    // Each kind with its numbers, as the server has them.
    for (layer, words) in [
        (
            "conv1",
            vec![
                "Each of the 3 colours of the picture gives 1 product;",
                "inputs, red",
                "sum over 3 colours",
            ],
        ),
        ("stem", vec!["value of conv1", "LeakyReLU: x, below 0 times 0.3"]),
        ("conv2", vec!["Each of the 4 maps of stem gives 9 products"]),
        (
            "batch_norm1",
            vec![
                "value of conv2",
                "mean of the map in training",
                "epsilon, 0.001",
                "normalised",
                "gamma",
                "beta",
            ],
        ),
        ("sum", vec!["value of batch_norm1", "+ ", "value of short", "added up"]),
        ("again", vec!["value of sum", "value of stem"]),
        (
            "mean",
            vec!["The mean of a whole map of again", "sum of the map’s 256 values", "their number ÷ 256"],
        ),
        ("dense1", vec!["sum of the products"]),
    ] {
        page.js(&format!("document.querySelector('[data-layer={layer}] canvas.maps').focus()"));
        page.press("Enter");
        let unit = format!("[data-layer={layer}] .unit");
        for words in words {
            page.says(&unit, words);
        }
        let title = page.text(&format!("{unit} h4"));
        let last = page.text(&format!("{unit} .steps .last td:last-child"));
        assert_eq!(title.rsplit(": ").next(), Some(&last[..]), "{layer}");
        assert!(!page.text(&unit).contains("does not know"), "{layer}");
    }
    let code = page.text("[data-layer=batch_norm1] .source summary");
    assert_eq!(code.matches("batch_norm.backward_x").count(), 1, "{code}");
    // The numbers of a normalisation lead to its output.
    let rows = page.js("[...document.querySelectorAll('[data-layer=batch_norm1] .steps td:last-child')].map((cell) => Number(cell.innerText.replace('\\u2212', '-')))");
    let row = |at: usize| rows[at].as_f64().unwrap();
    let near = |a: f64, b: f64| (a - b).abs() < 2e-3 * (1.0 + b.abs());
    assert!(near((row(0) - row(1)) / row(2), row(3)) && near(row(3) * row(4) + row(5), row(6)), "{rows}");
    let filters = "[...document.querySelectorAll('.layer')].filter((layer) => layer.querySelector('.filters')).map((layer) => layer.dataset.layer)";
    page.wait(&format!("{filters}.join() == 'conv1'"));
    assert_eq!(page.js(WRONG_IN_GRAPH), json!([]));
    load_axe(&page);
    fits_and_is_open_to_all(&page, "inside-own", "[data-layer=batch_norm1]");

    page.select("#inside-run", "1_residual");
    page.says("#inside-status", "Run 1_residual");
    page.wait("document.querySelectorAll('.layer').length > 60");
    page.wait(&format!("{filters}.join() == 'conv1'"));
    assert_eq!(page.js(WRONG_IN_GRAPH), json!([]));
    // What is gone to is not hidden behind the graph, which stays in sight.
    page.js("[...document.querySelectorAll('#layer-nav button')].find((box) => box.innerText.startsWith('stage2_block1_short_norm')).click()");
    page.wait("document.activeElement.id == 'layer-stage2_block1_short_norm'");
    page.wait("document.activeElement.getBoundingClientRect().top > document.querySelector('#layer-nav').getBoundingClientRect().bottom");
    page.screenshot("51-residual");
    page.click("#show-gradient");
    page.says("#gradient-note", "The gradient of the loss");
    page.says("[data-layer=stage1_block1_sum] .facts", "gradient from");
    page.resize(380, 800);
    page.screenshot("51-residual-narrow");
    nothing_is_cut(&page, "residual");

    // Without a convolution there is no place to look at, but all else.
    page.resize(1280, 1000);
    page.select("#inside-run", "0_dense");
    page.says("#inside-status", "Run 0_dense");
    page.says(".heat-text", "A network without convolutions looks at no place");
    assert_eq!(page.js("document.querySelector('#heat-class').disabled"), true);
    page.wait("document.querySelectorAll('.layer').length == 2");

    // Past runs: the file is named as what the form lacks, and the form keeps a network that it knows.
    page.resize(1280, 1000);
    page.click("nav [data-view=runs]");
    page.says("tbody[data-run='2_own']", "own.toml, colour");
    page.click("tbody[data-run='2_own'] .run-link");
    page.says("#settings", "Network own.toml");
    page.click("#next-reuse");
    page.says("#reuse-note", "its network, the file own.toml");
    page.says("#reuse-note", "The next run goes without");
    assert_eq!(page.js("document.querySelector('#field-network').value"), "default");
    assert_eq!(page.js("document.querySelector('#field-color').value"), "rgb");
    assert_eq!(page.text("#error-network"), "");
    page.is_content_but_for(&["404"]); // there are no samples here
}

#[test]
fn a_hundred_classes_are_folded_and_old_runs_say_less() {
    let place = Place::new();
    for class in 0..100 {
        for number in 0..4 {
            save(&place, &format!("many/the class {class:02}/{number}.png"), &hue(class % 10, number));
        }
    }
    let many = "--epochs 1 --network small --train-dir many --validation-split 0.5 --class-weights auto";
    by_hand(&place, "1_old", "--epochs 1");
    place
        .bash("sed -i '/^network\\|^color\\|^class_weights\\|^validation_split/d' runs/1_old/config.toml")
        .succeeds();
    place
        .run(&format!("train --image-size 16 --batch-size 16 --seed 1 --device cpu --out runs/2_many {many}"))
        .succeeds();
    let studio = Studio::at(place, "");
    let browser = browser();
    let page = Page::open(
        &browser,
        &studio.address,
        "#train?run=2_many&train_dir=many&validation_split=0.5&image_size=16&device=cpu",
    );
    page.says("#fields", "100 classes of 4 pictures each, 400 pictures");
    page.says(".field:has(#field-network)", "for 100 classes and gray pictures of 16 × 16 pixels");
    page.says("#settings", "from 2 to 2 in each of 100 classes");
    page.says("#settings", "from 1.00 to 1.00 in each of 100 classes");
    page.says("#confusion", "Most often taken for something else");
    assert_eq!(
        page.js("document.querySelector('#confusion-table')"),
        Value::Null,
        "no matrix of 100 classes"
    );
    let lists = "[...document.querySelectorAll('.frequent-list')].map((list) => list.children.length)";
    assert_eq!(page.js(lists), json!([6, 14]));
    page.says(".frequent", "14 more");
    page.js("document.querySelector('.frequent details').open = true");
    page.says(".frequent", "others, which are rarer");
    load_axe(&page);
    fits_and_is_open_to_all(&page, "hundred", "#result-title");

    page.click("nav [data-view=predict]");
    page.choose("#predict-file", &[&studio.place.path("many/the class 07/1.png")]);
    page.says("#results", "The other 97 classes: together");
    page.click("#results .look-inside");
    page.says(".heat-text", "97 others");
    page.wait("document.querySelectorAll('#heat-class option').length == 100");
    fits_and_is_open_to_all(&page, "inside-hundred", "#heat-title");

    // A run of an earlier version: what it does not say is left open, and taken as it was then.
    page.click("nav [data-view=runs]");
    page.says("tbody[data-run='2_many'] .network", "small, 100 classes");
    assert_eq!(page.text("tbody[data-run='1_old'] .network"), "–");
    page.fill("#runs-filter", "small");
    page.wait("document.querySelectorAll('#runs-table tbody').length == 1");
    page.fill("#runs-filter", "");
    page.click("[data-key='sort network']");
    let first = "document.querySelector('#runs-table tbody').dataset.run";
    assert_eq!(page.js(first), "2_many", "who says none comes last");
    fits_and_is_open_to_all(&page, "runs-old", "#runs-title");
    page.click("tbody[data-run='1_old'] .run-link");
    page.says("#run-name", "1_old");
    page.click("#next-reuse");
    page.wait("document.querySelector('#field-train_dir').value == 'train'");
    let value = |field: &str| page.js(&format!("document.querySelector('#field-{field}').value"));
    let old = ["network", "color", "class_weights", "validation_split"].map(value);
    assert_eq!(old, ["default", "gray", "none", ""].map(|text| json!(text)));
    assert_eq!(page.text("#reuse-note"), "");
    // All that the other was told is taken over; its test pictures were of its training folder.
    page.click("nav [data-view=runs]");
    page.click("tbody[data-run='2_many'] .run-link");
    page.says("#run-name", "2_many");
    page.click("#next-reuse");
    page.wait("document.querySelector('#field-train_dir').value == 'many'");
    let value = |field: &str| page.js(&format!("document.querySelector('#field-{field}').value"));
    let many = ["network", "class_weights", "validation_split", "test_dir"].map(value);
    assert_eq!(many, ["small", "auto", "0.5", "dataset/test_set"].map(|text| json!(text)));
    page.wait("!document.querySelector('#start').disabled");
    page.is_content_but_for(&["404"]); // there are no samples here
}
