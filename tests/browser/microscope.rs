//! A thread under the microscope of *Look inside*, with mouse, keys and links; and maps that are silent.

use crate::common::studio::Studio;
use crate::page::{Page, browser};
use crate::runs::nothing_is_cut;
use crate::{load_axe, nothing_serious, with_bundled_pictures};
use serde_json::{Value, json};

const RUN: &str = "2026-01-01_tiny";
const KERNEL: &str = "1";
const RUNG: &str = "2";

/// What is no number, or not finite, is said as such.
#[test]
fn values_that_are_not_finite_have_names() {
    let studio = with_bundled_pictures();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, "#inside?exercise=1");
    page.says(".exercise h4", "Exercise 1: Write relu");
    page.says("#inside-status", "The exercises above need no model");
    let said = page.js(
        "import('/format.js').then(({precise, short}) => [NaN, Infinity, -Infinity, 'NaN', '-inf', null].map(precise)\
           .concat([33554432, 71303168, 1408, 999999].map(short)))",
    );
    assert_eq!(
        said,
        json!([
            "NaN",
            "inf",
            "\u{2212}inf",
            "NaN",
            "\u{2212}inf",
            "–",
            "33.6\u{a0}M",
            "71.3\u{a0}M",
            "1,408",
            "999,999"
        ])
    );
    page.js(
        "(() => { const text = document.querySelector('.exercise .lab-text');\
           text.value = text.value.replace('// Your line.', 'y[i] = max(x[i], 0.0);'); text.dispatchEvent(new Event('input')); })()",
    );
    page.click(".exercise .lab-try");
    page.says(".exercise .lab-verdict", "is 0, and should be NaN");
    // A goal that is a share of nothing has no number.
    let goal = page.js(
        "import('/verdict.js').then(({verdictOf}) => verdictOf({trial: {verdict: 'right', right: 1, cases: 1}, counts: null,\
           goals: [{goal: 'shared at most 0.5 of the original', count: null, reached: false}]}).flat().at(-1).textContent)",
    );
    assert_eq!(goal, "Goal: shared at most 0.5 of the original. The original has none, not yet.");
    page.js("void (location.hash = '#inside?exercise=99')");
    page.says("#exercises-alert", "There is no exercise 99: there are 16");
    // There is no model to look into.
    page.is_content_but_for(&["404"]);
}

/// A studio with the sample pictures and a small model.
fn with_model() -> Studio {
    let studio = with_bundled_pictures();
    let train = format!(
        "train --train-dir train --test-dir test --image-size 8 --batch-size 4 --epochs 1 --seed 1 --device cpu --out runs/{RUN}"
    );
    assert_eq!(studio.place.run(&train).code, 0);
    studio
}

#[track_caller]
fn is_at(page: &Page, step: usize) {
    page.wait(&format!("document.querySelector('.micro')?.dataset.step == '{step}'"));
}

/// All that is said of a step.
fn seen(page: &Page) -> Value {
    page.js(
        "['.micro-step', '.micro-words', '.micro-meters', '.micro-side .micro-legend', '.micro-buffers', '.listing .now']\
           .map((part) => document.querySelector(`.micro ${part}`)?.innerText)",
    )
}

/// Chooses in the menu of that number, and waits for the first step of what was chosen.
fn choose(page: &Page, menu: &str, option: &str) {
    let label = format!(".micro-aim > label:nth-child({menu}) select");
    page.js("document.querySelector('.micro').dataset.step = ''");
    page.select(&label, option);
    is_at(page, 0);
    assert_eq!(page.js(&format!("document.querySelector('{label}').value")), option);
}

fn focus_code(page: &Page) {
    page.js("document.querySelector('.listing').focus()");
}

#[test]
fn a_value_is_followed_through_its_shader() {
    let studio = with_model();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, "#inside");
    page.wait("document.querySelectorAll('#layers canvas').length >= 6");
    page.js("document.querySelector('#layer-conv2').scrollIntoView()");
    page.wait("document.querySelector('[data-layer=conv2] canvas.maps').width > 100");
    page.click("[data-layer=conv2] canvas.maps");
    page.says("[data-layer=conv2] .unit", "conv2, map");
    let unit = page.text("[data-layer=conv2] .unit h4");
    page.click("[data-layer=conv2] .watch-thread");
    is_at(&page, 0);
    page.says(".micro", "Microscope: conv2, conv2d.forward");
    page.says(".micro", "It is computed by thread");
    page.says(".micro-step", "Step 0 of");

    page.says(".micro-words", "forward()");
    assert!(!page.text(".micro-words").contains("line 0"), "a step is in front of a line");
    // Forward, and back to the same.
    for step in 1..=12 {
        page.press("ArrowRight");
        is_at(&page, step);
    }
    let there = seen(&page);
    page.press("n");
    is_at(&page, 13);
    assert_ne!(seen(&page), there);
    page.press("p");
    is_at(&page, 12);
    assert_eq!(seen(&page), there);
    page.screenshot("40-microscope-plain");
    page.press("End");
    page.says(".micro-words", "The thread has ended");
    // It has written the value that was chosen.
    let value = unit.rsplit(": ").next().unwrap();
    page.says(".micro-notes", &format!("becomes {value}"));
    page.press("Home");
    is_at(&page, 0);
    page.press(" ");
    page.wait("document.querySelector('.micro').dataset.step >= 5");
    page.press(" ");
    page.says(".micro-controls", "Play");

    // Another rung has barriers.
    choose(&page, RUNG, "2_gemm");
    focus_code(&page);
    page.press("b");
    page.wait("document.querySelector('.micro').dataset.step > 50");
    page.says(".micro-meters", "Workgroup stores");
    page.says(".micro-buffers", "A column for each of 32 banks");
    let threads = page.js("document.querySelector('.micro-threads').getAttribute('aria-label')");
    assert!(threads.as_str().unwrap().contains("at the same line"), "{threads}");
    // Another thread of the group.
    page.js("document.querySelector('.micro-threads').focus()");
    page.press("ArrowRight");
    page.press("Enter");
    page.says(".micro-owner", "Back to the thread that owns this value of y");
    page.wait("document.querySelector('.micro').dataset.step > 50");
    page.click(".micro-owner button");
    page.says(".micro-owner", "It is computed by thread");

    // A value of a gradient, by its place.
    choose(&page, KERNEL, "conv2d.backward_w");
    page.says(".micro-element", "dw");
    page.says(".micro-element", "of 128 × 64 × 3 × 3");
    page.fill(".micro-index input:nth-child(4)", "9");
    page.press("Tab");
    page.says(".micro-element", "from 0 to 2");
    page.fill(".micro-index input:nth-child(4)", "2");
    page.press("Tab");
    page.says(".micro-element", "element 2");
    is_at(&page, 0);
    focus_code(&page);
    page.press("End");
    page.says(".micro-notes", "dw[2] becomes");
    the_graph_leads_to_layers(&page);
    gradients_are_followed(&page);
    page.is_content();
}

/// The boxes of the network lead to its layers, and the edges are those of the graph.
fn the_graph_leads_to_layers(page: &Page) {
    let boxes = "[...document.querySelectorAll('#layer-nav button')]";
    assert_eq!(page.js(&format!("{boxes}.length")), json!(16));
    let edges = page.js("[...document.querySelectorAll('.graph-edge')].map((edge) => edge.dataset.edge)");
    let edges: Vec<_> =
        edges.as_array().unwrap().iter().map(|edge| edge.as_str().unwrap().to_string()).collect();
    assert_eq!((edges.len(), &edges[0][..], &edges[15][..]), (16, "the picture conv1", "relu5 dense3"));
    assert_eq!(page.text("#layer-nav button:nth-of-type(3)"), "pool1 MaxPooling2D 64 × 4 × 4 , takes relu1");
    let current = "(document.querySelector('#layer-nav [aria-current]')?.innerText ?? '')";
    // By a key, by a click, and by scrolling; the box of the layer in view is in sight.
    page.js(&format!("{boxes}[13].focus()"));
    page.press("Enter");
    page.wait("document.activeElement.id == 'layer-dense2'");
    page.wait(&format!("{current}.startsWith('dense2')"));
    let in_sight = "(() => { const [box, nav] = ['#layer-nav [aria-current]', '#layer-nav'].map((one) => document.querySelector(one).getBoundingClientRect());\
         return box.left >= nav.left - 1 && box.right <= nav.right + 1; })()";
    page.wait(in_sight);
    // Not hidden behind the boxes.
    page.wait("document.querySelector('#layer-dense2').getBoundingClientRect().top > document.querySelector('#layer-nav').getBoundingClientRect().bottom");
    // The last layer as well, below which the page ends.
    page.js(&format!("{boxes}[15].click()"));
    page.wait(&format!("{current}.startsWith('dense3') && {in_sight}"));
    page.js("document.querySelector('#layer-nav button').click()");
    page.wait(&format!("document.activeElement.id == 'layer-conv1' && {current}.startsWith('conv1')"));
    page.js("document.querySelector('#layer-relu4').scrollIntoView()");
    page.wait(&format!("{current}.startsWith('relu4') && {in_sight}"));

    // A network with a way around two layers, and one with branches, in the page's own code.
    let layer = |name: &str, index: usize, inputs: Value| json!({"name": name, "index": index, "type": "Sum", "shape": [1], "inputs": inputs});
    let layers = json!([
        layer("a", 0, json!([null])),
        layer("b", 1, json!([0])),
        layer("c", 2, json!([1])),
        layer("around", 3, json!([2, 0])),
        layer("left", 4, json!([3])),
        layer("right", 5, json!([3])),
        layer("both", 6, json!([4, 5])),
    ]);
    let drawn = page.js(&format!(
        "import('/graph.js').then(({{GraphView, placed}}) => {{ const nav = document.createElement('nav');\
           new GraphView(nav).show({{layers: {layers}, image_size: 8}}, [], () => 0);\
           return [placed({layers}).map(({{column, lane}}) => `${{column}}.${{lane}}`),\
             [...nav.querySelectorAll('.graph-edge')].map((edge) => edge.dataset.edge), nav.innerHTML.includes('NaN')]; }})"
    ));
    let places = json!(["1.0", "2.0", "3.0", "4.0", "5.0", "5.1", "6.0"]);
    let edges = json!([
        "the picture a",
        "a b",
        "b c",
        "c around",
        "a around",
        "around left",
        "around right",
        "left both",
        "right both"
    ]);
    assert_eq!(drawn, json!([places, edges, false]));
}

/// What comes back through the network, of the class that was predicted and of the other.
fn gradients_are_followed(page: &Page) {
    page.click("#show-gradient");
    page.says("#gradient-note", "The gradient of the loss");
    page.says("[data-layer=conv2] .facts", "gradient from");
    page.js("document.querySelector('[data-layer=conv2] canvas.maps').focus()");
    page.says("[data-layer=conv2] .map-label", "maps of the gradient");
    page.says("[data-layer=conv2] .map-label", "are silent");
    page.press("Home");
    page.press("Enter");
    page.says("[data-layer=conv2] .unit h4", "Gradient of conv2, map ");
    page.says("[data-layer=conv2] .unit", "relu.backward_x computes it, on the way back through relu2");
    let title = page.text("[data-layer=conv2] .unit h4");
    let value = title.rsplit(": ").next().unwrap();
    assert_ne!(value, "0", "{title}: maps that say something stand first");
    page.screenshot("45-gradient");
    page.click("[data-layer=conv2] .watch-thread");
    page.says(".micro h4", "relu2, relu.backward_x");
    is_at(page, 0);
    focus_code(page);
    page.press("End");
    page.says(".micro-notes", &format!("becomes {value}"));
    // For a picture of the other class the same value changes its sign.
    let other = "[...document.querySelectorAll('#gradient-label option')].find((one) => !one.innerText.includes('predicted')).value";
    page.select("#gradient-label", page.js(other).as_str().unwrap());
    page.wait(&format!("document.querySelector('[data-layer=conv2] .unit h4').innerText !== {title:?}"));
    let sign = |title: &str| title.rsplit(": ").next().unwrap().starts_with('\u{2212}');
    assert_ne!(sign(&page.text("[data-layer=conv2] .unit h4")), sign(&title));
    // The code of the way back, which ran here.
    page.click("[data-layer=conv2] .source summary");
    page.js("[...document.querySelectorAll('[data-layer=conv2] .source .choice')].find((tab) => tab.innerText == 'conv2d.backward_x').click()");
    page.says("[data-layer=conv2] .kernel-facts", "Time");
    page.says("[data-layer=conv2] .code-columns", "backward_x");
    page.click("#show-output");
    page.says("[data-layer=conv2] .unit h4", "conv2, map ");
    page.says("[data-layer=conv2] .kernel-facts", "This runs on the way back");
    page.wait("!document.querySelector('[data-layer=conv2] .unit h4').innerText.includes('Gradient')");
}

#[test]
fn silent_maps_stand_at_the_end_under_their_own_numbers() {
    let studio = with_model();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, "#inside");
    page.wait("document.querySelectorAll('#layers canvas').length >= 6");
    let maps = "document.querySelector('[data-layer=relu2] canvas.maps')";
    page.js(&format!("{maps}.scrollIntoView()"));
    page.says("[data-layer=relu2] .map-label", "of 128 are silent");
    let said = page.text("[data-layer=relu2] .map-label");
    let words: Vec<_> = said.split(' ').collect();
    let at = words.windows(2).position(|two| two == ["of", "128"]).unwrap();
    let silent: usize = words[at - 1].parse().unwrap();
    // The brightest unit of a map, from the server: the first silent one is the first that is 0.
    let mut seen = std::collections::BTreeSet::new();
    for (back, is_silent) in [(0, true), (silent - 1, true), (silent, false), (127, false)] {
        page.js(&format!("{maps}.focus()"));
        page.press("End");
        for _ in 0..back {
            page.press("ArrowLeft");
        }
        page.press("Enter");
        let chosen = page.js(&format!("{maps}.getAttribute('aria-label')"));
        let map =
            chosen.as_str().unwrap().split("map ").nth(1).unwrap().split(' ').next().unwrap().to_string();
        page.says("[data-layer=relu2] .unit h4", &format!("relu2, map {map}, row"));
        let title = page.text("[data-layer=relu2] .unit h4");
        assert_eq!(title.ends_with(": 0"), is_silent, "{title}, {back} from the end, {silent} silent");
        seen.insert(map);
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    page.is_content();
}

#[test]
fn a_link_shows_the_same_step() {
    let studio = with_model();
    let browser = browser();
    let address = format!(
        "#inside?micro=layer:conv2;kernel:conv2d.forward;rung:2_gemm;picture:dataset/samples/dog.jpg;run:{RUN};\
         element:777;label:0;subgroup:32;step:700"
    );
    let page = Page::open(&browser, &studio.address, &address);
    is_at(&page, 700);
    page.says(".micro", "dog.jpg");
    focus_code(&page);
    page.press("ArrowRight");
    is_at(&page, 701);
    // Another thread of the same group, and then the link to it.
    page.js("document.querySelector('.micro-threads').focus()");
    page.press("ArrowDown");
    page.press("Enter");
    page.says(".micro-owner", "Shown is thread");
    is_at(&page, 701);
    page.wait("document.querySelector('.micro-link a')?.hash.includes('thread:')");
    page.wait("document.querySelector('.micro-link a').hash == location.hash");
    let (link, there) = (page.js("location.hash"), seen(&page));
    assert!(link.as_str().unwrap().contains(";step:701"), "{link}");
    let second = Page::open(&browser, &studio.address, link.as_str().unwrap());
    is_at(&second, 701);
    second.says(".micro-owner", "Shown is thread");
    assert_eq!(seen(&second), there);
    second.is_content();

    // The server keeps a few only: what it forgot is opened again.
    second.js(&format!(
        "(async () => {{ const headers = {{'Content-Type': 'application/json', 'X-Pawgrad-Token': {:?}}};\
           const body = JSON.stringify({{picture: 1, run: '{RUN}', layer: 'relu1'}});\
           for (let i = 0; i < 4; i++) await fetch('/api/microscope', {{method: 'POST', headers, body}}); }})()",
        studio.token
    ));
    focus_code(&second);
    second.press("ArrowLeft");
    is_at(&second, 700);
    second.is_content_but_for(&["404"]);

    // What an address names in vain is said, and an uploaded picture has no link.
    page.activate();
    for (wrong, words) in [
        ("layer:conv9", "a layer that is not there: conv9"),
        ("layer:conv2;run:nowhere", "a run that is not there: nowhere"),
        ("layer:conv2;picture:nothing.png", "nothing.png: there is no such picture"),
    ] {
        page.js(&format!("void (location.hash = '#inside?micro={wrong}')"));
        page.says("#inside-alert", words);
    }
    page.js(&format!("void (location.hash = '#inside?micro=layer:conv2;element:9999999;run:{RUN}')"));
    page.says(".micro .alert", "y has 2048 values");
    page.choose("#inside-file", &[&studio.place.path("test/cats/1.png")]);
    page.says("#inside-status", "Run");
    page.wait("document.querySelectorAll('#layers canvas').length >= 6");
    page.js("document.querySelector('#layer-dense1').scrollIntoView()");
    page.click("[data-layer=dense1] canvas");
    page.says("[data-layer=dense1] .unit", "dense1, unit");
    page.click("[data-layer=dense1] .watch-thread");
    is_at(&page, 0);
    page.says(".micro-link", "no link to this step");
    assert!(!page.js("location.hash").as_str().unwrap().contains("micro="));
    page.is_content_but_for(&["404", "422"]);
}

#[test]
fn the_microscope_fits_and_is_for_everyone() {
    let studio = with_model();
    let browser = browser();
    let address = |rung: &str, step: usize| {
        format!(
            "#inside?micro=layer:conv2;kernel:conv2d.forward;rung:{rung};picture:dataset/samples/cat.jpg;run:{RUN};\
             element:777;step:{step}"
        )
    };
    let page = Page::open(&browser, &studio.address, &address("2_gemm", 700));
    is_at(&page, 700);
    page.click("#show-gradient");
    page.says("#gradient-note", "The gradient of the loss");
    is_at(&page, 700);
    load_axe(&page);
    for theme in ["first", "second"] {
        for width in [1600, 380] {
            page.resize(width, 1000);
            // The same in another theme but for colours.
            let both = [("2_gemm", 700), ("1_plain", 1500)];
            for (rung, step) in if theme == "first" { &both[..] } else { &both[..1] } {
                page.js(&format!("void (location.hash = '{}')", address(rung, *step)));
                is_at(&page, *step);
                let over =
                    page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth");
                assert_eq!(over, json!(0), "wider than {width} pixels");
                nothing_is_cut(&page, "the microscope");
                nothing_serious(&page, &format!("{rung}, {theme} theme, {width} pixels"));
                page.screenshot(&format!("41-microscope-{rung}-{width}-{theme}"));
            }
            page.js("document.querySelector('.maps-of').scrollIntoView()");
            page.screenshot(&format!("46-gradients-{width}-{theme}"));
        }
        page.click("#theme");
    }
    page.is_content();
}

/// Replaces a piece of the shader in the lab and tries it.
fn try_edit(page: &Page, from: &str, to: &str) {
    page.js(&format!(
        "(() => {{ const text = document.querySelector('.micro .lab-text');\
           if (text.value.split({from:?}).length !== 2) throw new Error('the text is not there once');\
           text.value = text.value.replace({from:?}, {to:?}); text.dispatchEvent(new Event('input')); }})()"
    ));
    page.click(".micro .lab-try");
    page.wait("!document.querySelector('.micro .lab-try').disabled");
}

#[test]
fn an_edited_shader_is_tried_in_the_page() {
    let studio = with_model();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, "#inside");
    page.wait("document.querySelectorAll('#layers canvas').length >= 6");
    page.js("document.querySelector('#layer-dense2').scrollIntoView()");
    page.wait("document.querySelector('[data-layer=dense2] canvas')?.width > 10");
    // From the code that ran, at once.
    page.click("[data-layer=dense2] .source summary");
    page.click("[data-layer=dense2] .change-shader");
    page.wait("document.querySelector('.micro .lab-box')?.open && document.querySelector('.micro .lab-text').value.length > 100");
    page.says(".micro h4", "dense2, dense.forward");
    page.js("document.querySelector('.micro .lab-box').open = false");
    page.click("[aria-label='Close the microscope']");
    page.click("[data-layer=dense2] canvas");
    page.click("[data-layer=dense2] .watch-thread");
    is_at(&page, 0);
    choose(&page, KERNEL, "dense.backward_w");
    choose(&page, RUNG, "2_shared");
    page.click(".lab-box > summary");
    page.click(".micro .lab-try");
    page.says(".micro .lab-verdict", "Right: equal to the definition");
    page.says(".micro .lab-counts", "sectors: pieces of 32 bytes");
    // At the layer that is open, as it is timed below.
    page.says(".micro .lab-counts caption", "dense2 of one picture of 8 × 8 pixels");
    page.says(".micro .lab-words", "Words");
    // A device has not run it yet, and does so when it is asked for.
    assert_eq!(page.text(".micro .lab-times"), "");
    page.says(".micro .lab-time", "Time it on ");
    page.click(".micro .lab-time");
    page.says(".micro .lab-times", "This / original");
    page.says(".micro .lab-times", "dense2 of one picture of 8 × 8 pixels, on ");
    page.screenshot("41-lab-right");
    // One word less in a row: these threads meet no other in a bank.
    try_edit(&page, "const PITCH = 17u;", "const PITCH = 16u;");
    page.says(".micro .lab-verdict", "Right: equal to the definition");
    let share = page.js(
        "Number([...document.querySelectorAll('.lab-counts tr')].find((row) => row.innerText.startsWith('conflicts')).lastChild.innerText)",
    );
    assert!(share.as_f64().unwrap() < 1.0, "fewer conflicts: {share}");
    page.click(".micro .lab-back");
    // Wrong: the element is named. Racy: both lines. Endless: it ends.
    let store = "{ dw[o * p.in_features + i] = sum; }";
    try_edit(&page, store, "{ dw[o * p.in_features + i] = sum + 1.0; }");
    page.says(".micro .lab-verdict", "Wrong: dw[0, 0] is");
    page.click(".micro .lab-back");
    try_edit(
        &page,
        "fn staged_sum(row: u32, column: u32) -> f32 {\n    workgroupBarrier();",
        "fn staged_sum(row: u32, column: u32) -> f32 {",
    );
    page.says(".micro .lab-verdict", "Found: ");
    page.says(".micro .lab-verdict", "without a barrier between");
    page.wait("document.querySelectorAll('.lab-under .bad').length >= 2");
    page.screenshot("42-lab-race");
    page.click(".micro .lab-back");
    try_edit(&page, "for (var n = 0u; n < p.batch; n += TILE) {", "for (var n = 0u; n < p.batch; n += 0u) {");
    page.says(".micro .lab-verdict", "Found: ");
    page.says(".micro .lab-verdict", "end");
    page.click(".micro .lab-back");
    try_edit(&page, "const PITCH = 17u;", "const PITCH = 17u");
    page.says(".micro .lab-verdict", "Not valid: line");
    load_axe(&page);
    nothing_serious(&page, "lab");
    exercises_are_done(&page);
    page.is_content();
}

fn solution(name: &str) -> String {
    std::fs::read_to_string(format!("tests/exercises/{name}.wgsl")).unwrap()
}

/// An exercise of the kernel under the microscope, and one from the card, by keys alone.
fn exercises_are_done(page: &Page) {
    choose(page, KERNEL, "dense.backward_b");
    page.says(".lab-exercises", "Exercise 7: Wait for the others");
    page.click(".lab-exercises button:nth-child(2)");
    page.says(".exercise", "Sixteen threads add up a share");
    let of_editor = page.js("document.querySelector('.exercise .lab-text').value");
    assert!(
        of_editor
            .as_str()
            .unwrap()
            .starts_with("// Exercise 7: Wait for the others\n//\n// exercise: dense.backward_b 2_shared\n")
    );
    assert!(!of_editor.as_str().unwrap().contains("Sixteen threads"), "the task stands on the page once");
    page.says("#exercises-count", "0 of 16 solved");
    assert!(!page.text(".exercise").contains("workgroupBarrier() lets"), "the hint is hidden at first");
    page.click(".exercise-hint summary");
    page.says(".exercise-hint", "workgroupBarrier() lets no thread go on");
    page.click(".exercise .lab-try");
    page.says(".exercise .lab-verdict", "Found: line");
    page.screenshot("43-exercise");
    let write = |text: &str| {
        page.js(&format!(
            "(() => {{ const text = document.querySelector('.exercise .lab-text'); text.value = {text:?};\
               text.dispatchEvent(new Event('input')); text.focus(); }})()"
        ))
    };
    write(&solution("07_race"));
    page.click(".exercise .lab-try");
    page.says(".exercise-reached", "Exercise 7 is solved");
    page.says("#exercises-count", "1 of 16 solved");
    // Another, by its button in the list: its own text and goals, and what was written before is kept.
    page.js("document.querySelector('#exercise-list li:nth-child(12) button').focus()");
    page.press("Enter");
    page.says(".exercise h4", "Exercise 12: Two columns, one bank");
    page.says(".exercise-goals", "conflicts at most 1.1");
    assert_eq!(page.js("document.activeElement.innerText"), "Exercise 12: Two columns, one bank");
    page.click(".exercise .lab-try");
    page.says(".exercise .lab-verdict", "Goal: conflicts at most 1.1. It is 4.50, not yet.");
    // The row of the goal is marked, and the words are explained.
    page.says(".exercise .lab-goal", "conflicts: these take so many times as long (goal)");
    page.click(".exercise .lab-words summary");
    page.says(".exercise .lab-words", "one of 32 parts of workgroup memory");
    assert_eq!(page.text("#exercises-count"), "1 of 16 solved", "right is not enough");
    // Its address leads there again.
    assert!(page.js("location.hash").as_str().unwrap().contains("exercise=12"));
    page.reload();
    page.says(".exercise h4", "Exercise 12: Two columns, one bank");
    page.says("#exercise-list li:nth-child(7)", "✓");
    page.js("document.querySelector('#exercise-list li:nth-child(7) button').click()");
    page.wait(&format!("document.querySelector('.exercise .lab-text').value === {:?}", solution("07_race")));
    load_axe(page);
    for (width, theme) in [(380, "first"), (1280, "second")] {
        page.resize(width, 1000);
        let over = page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(over, json!(0), "wider than {width} pixels");
        nothing_is_cut(page, "the exercises");
        // Of what is too wide, the code is scrolled in its own box.
        let scrolled = page.js(
            "[...document.querySelectorAll('.exercise, .exercise *')].filter((node) => node.checkVisibility())\
               .filter((node) => node.scrollWidth > node.clientWidth + 1 && ['auto', 'scroll'].includes(getComputedStyle(node).overflowX))\
               .map((node) => node.className)",
        );
        assert_eq!(scrolled, if width < 500 { json!(["lab-text"]) } else { json!([]) }, "{width} pixels");
        nothing_serious(page, "the exercises");
        page.screenshot(&format!("44-exercises-{width}-{theme}"));
        page.click("#theme");
    }
}
