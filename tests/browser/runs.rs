//! Runs as a new user meets them: while one goes on, when it is over, and days later in the list.

use crate::common::program::Place;
use crate::common::studio::Studio;
use crate::page::{Page, browser};
use serde_json::{Value, json};

/// A run of the command line in runs/.
fn by_hand(place: &Place, name: &str, more: &str) -> i32 {
    let line = format!(
        "train --train-dir train --test-dir test --image-size 8 --batch-size 4 --device cpu --out runs/{name} {more}"
    );
    place.run(&line).code
}

/// A studio with a run that finished, one that diverged, and one that learned next to nothing.
fn with_runs() -> Studio {
    let place = Place::new();
    assert_eq!(
        by_hand(
            &place,
            "2026-01-01_good",
            "--epochs 2 --learning-rate 0.002 --seed 5 --no-shuffle --micro-batch 3"
        ),
        0
    );
    assert_eq!(by_hand(&place, "2026-01-02_wild", "--epochs 2 --learning-rate 1e30 --seed 6"), 9);
    assert_eq!(by_hand(&place, "2026-01-03_slow", "--epochs 1 --learning-rate 0.000001 --seed 7"), 0);
    Studio::at(place, "")
}

const SETTINGS: &str =
    "#train?train_dir=train&test_dir=test&image_size=32&epochs=1000&batch_size=4&seed=1&device=cpu";

/// Clicks an action of a run's row.
fn act(page: &Page, run: &str, action: &str) {
    let row = format!("document.querySelector('tbody[data-run=\"{run}\"]')");
    page.wait(&row);
    page.js(&format!("void [...{row}.querySelectorAll('.run-actions button')].find((button) => button.innerText == '{action}').click()"));
}

fn rows(page: &Page) -> Value {
    page.js("[...document.querySelectorAll('#runs-table tbody')].map((row) => row.dataset.run)")
}

/// Names of options have no place outside of the command that does the same.
fn says_no_option(page: &Page) {
    let said = page.js(
        "(() => { const copy = document.body.cloneNode(true); copy.querySelector('.command').remove(); return copy.textContent; })()",
    );
    let said = said.as_str().unwrap();
    let option = said.split("--").nth(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    assert!(option.is_none(), "an option is named on the page: --{}", option.unwrap());
}

/// Whether all that can be used lies on a narrow screen, and no word of it is cut off. The graph scrolls in itself.
pub fn nothing_is_cut(page: &Page, view: &str) {
    let cut = page.js(
        "[...document.querySelectorAll('main button, main a, main input:not(.hidden-text), main select, main p, main dd, main td, main th')]\
           .filter((node) => node.checkVisibility() && !node.closest('.hidden-text, .file, .messages, .chart, .graph'))\
           .filter((node) => { const { left, right } = node.getBoundingClientRect(); return left < -1 || right > innerWidth + 1; })\
           .map((node) => node.outerHTML.slice(0, 120))",
    );
    assert_eq!(cut, json!([]), "{view} at {} pixels", page.js("innerWidth"));
}

#[test]
fn a_training_is_watched_from_anywhere_and_offers_what_comes_next() {
    let studio = with_runs();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, SETTINGS);
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.wait("/^\\d+ % · Train/.test(document.title)");
    page.wait("document.querySelector('#confusion-table')");
    let said = page.text("#test-accuracy");
    assert!(said.starts_with("Test accuracy"), "nothing above the matrix says that it is not known: {said}");
    // What was found stands above how long it took.
    let top = |selector: &str| {
        let top = page.js(&format!("document.querySelector('{selector}').getBoundingClientRect().top"));
        top.as_f64().unwrap()
    };
    for timing in ["#kernels-chart", "#speed-chart"] {
        assert!(top("#confusion-table") < top(timing) && top("#mistakes-title") < top(timing), "{timing}");
    }
    // Guessing can be seen in each chart, and lies in its range.
    for (chart, name, value) in [
        ("loss-chart", "guessing: ln 2", std::f64::consts::LN_2),
        ("epoch-chart", "guessing: ln 2", std::f64::consts::LN_2),
        ("accuracy-chart", "larger class", 0.5),
    ] {
        let drawn = format!("document.querySelector('#{chart}')");
        page.js(&format!("{drawn}.scrollIntoView()"));
        page.wait(&format!("{drawn}.data?.some(({{ name }}) => name == '{name}')"));
        let line = page.js(&format!("{drawn}.data.find(({{ name }}) => name == '{name}').y[0]"));
        assert!((line.as_f64().unwrap() - value).abs() < 1e-9, "{chart}: {line}");
        let range = page.js(&format!("{drawn}.layout.yaxis.range"));
        let end = |i: usize| range[i].as_f64().unwrap();
        assert!(end(0) < value && value < end(1), "{chart}: {range}");
    }
    assert_eq!(page.js("document.querySelectorAll('#speed-chart .y2title').length"), json!(0));
    page.says("#settings", "Learning rate 0.001");
    says_no_option(&page);

    // Elsewhere, the title says how far it is, and a prediction which epoch made it.
    page.click("nav [data-view=predict]");
    page.wait("/^\\d+ % · Predict/.test(document.title)");
    page.says("#predict-run", "in training, after epoch");
    let picture = studio.place.path("test/dogs/1.png");
    page.choose("#predict-file", &[&picture]);
    page.says("#results", "in training, best epoch so far");
    page.screenshot("20-predicted-in-training");
    // A network that learned nothing is unsure, and says so.
    page.select("#predict-run", "2026-01-03_slow");
    page.says("#results .verdict.unsure", "Unsure: rather");
    page.says("#results", "run 2026-01-03_slow");

    page.click("nav [data-view=train]");
    page.click("#stop");
    page.says("#status", "Stopped after step");
    page.wait("document.title.startsWith('Train ·')");
    let run = studio.json("/api/runs")[0]["name"].as_str().unwrap().to_string();
    let size = page.js("fetch(document.querySelector('#next-download').href).then((got) => got.blob()).then(({ size }) => size)");
    let model = studio.place.path(&format!("runs/{run}/best.safetensors"));
    assert_eq!(size.as_u64().unwrap(), std::fs::metadata(model).unwrap().len());
    // A picture that was mistaken leads to its prediction.
    if studio.json("/api/runs")[0]["val_accuracy"].as_f64().unwrap() < 1.0 {
        page.wait("!document.querySelector('#load-mistakes').hidden");
        page.click("#load-mistakes");
        page.wait("document.querySelector('#mistakes button')");
        page.js("document.querySelector('#mistakes button').click()");
        page.wait("location.hash.startsWith('#predict') && document.querySelector('#results .verdict')");
        page.click("nav [data-view=train]");
    }
    page.click("#next-predict");
    page.wait(&format!("document.querySelector('#predict-run').value == '{run}'"));
    page.says("#results", &format!("run {run}"));
    page.is_content();
}

#[test]
fn an_old_run_is_found_shown_reused_named_and_deleted() {
    let studio = with_runs();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, &SETTINGS.replace("epochs=1000", "epochs=3"));
    page.wait("!document.querySelector('#start').disabled");
    page.click("nav [data-view=runs]");
    page.wait("document.querySelectorAll('#runs-table tbody').length == 3");
    page.says("tbody[data-run='2026-01-02_wild']", "diverged in step 2");
    page.says("tbody[data-run='2026-01-02_wild']", "the loss is");
    let good = page.text("tbody[data-run='2026-01-01_good']");
    for words in ["finished", "2/2", "0.002", "4 8 default 5", "10 of train", "%"] {
        assert!(good.contains(words), "no {words:?} in: {good}");
    }
    // Sorted and filtered.
    let [good, wild, slow] = ["2026-01-01_good", "2026-01-02_wild", "2026-01-03_slow"];
    assert_eq!(rows(&page), json!([slow, wild, good]), "the newest first");
    page.click("[data-key='sort rate']");
    assert_eq!(rows(&page), json!([wild, good, slow]));
    page.click("[data-key='sort rate']");
    assert_eq!(rows(&page), json!([slow, good, wild]));
    page.fill("#runs-filter", "seed 5");
    page.wait("document.querySelectorAll('#runs-table tbody').length == 1");
    assert_eq!(rows(&page), json!([good]));
    page.says("#runs-count", "1 of 3 runs");

    // Its own settings are shown, and the form keeps what it had until they are asked for.
    page.click("#runs-table .run-link");
    page.says("#run-name", good);
    page.says("#settings", "Learning rate 0.002");
    page.says("#settings", "Epochs 2");
    page.says("#settings", "10 pictures of train: 5 cats, 5 dogs");
    assert_eq!(page.js("document.querySelector('#field-epochs').value"), "3");
    assert_eq!(page.js("new URLSearchParams(location.hash.split('?')[1]).get('run')"), good);
    page.says("#confusion", "true cats");
    page.reload();
    page.says("#run-name", good);
    let other = Page::open(&browser, &studio.address, &format!("#train?run={wild}"));
    other.says("#status", "Diverged in step 2");
    other.says("#run-error", "the loss is");
    other.says("#next", "No model was saved");
    other.is_content();
    page.activate();
    page.click("#next-reuse");
    page.wait("document.querySelector('#field-learning_rate').value == '0.002'");
    assert_eq!(page.js("document.querySelector('#field-epochs').value"), "2");
    // What the form cannot take over is said.
    page.says("#reuse-note", "pictures that are not shuffled; micro-batches of 3. The next run goes without");
    page.click("#defaults");
    assert_eq!(page.text("#reuse-note"), "");
    // Or another run starts with its weights.
    page.click("#next-start-from");
    page.says("#reuse-note", "starts with the weights of 2026-01-01_good");
    assert_eq!(page.js("document.querySelector('#field-start_from').value"), good);
    assert_eq!(page.js("document.querySelector('#field-seed').value"), "");
    page.says("#command", "--init-weights runs/2026-01-01_good");
    page.reload();
    page.wait(&format!("document.querySelector('#field-start_from')?.value == '{good}'"));
    page.click("#defaults");
    assert_eq!(page.js("document.querySelector('#field-start_from').value"), "");

    // Named, and then gone, but not before it was asked for.
    page.click("nav [data-view=runs]");
    page.fill("#runs-filter", "");
    act(&page, good, "Rename");
    page.wait("document.querySelector('#ask').open");
    page.fill("#ask-input", "my <b>best</b>");
    page.press("Enter");
    page.says(&format!("tbody[data-run='{good}']"), "my <b>best</b>");
    page.says("#predict-run option[value='2026-01-01_good']", "my <b>best</b>");
    act(&page, good, "Delete");
    page.says("#ask", "Delete my <b>best</b>?");
    page.press("Enter"); // the focus is on Cancel
    page.wait("!document.querySelector('#ask').open");
    assert!(studio.place.path("runs/2026-01-01_good/model.safetensors").exists());
    act(&page, good, "Delete");
    page.click("#ask-yes");
    page.wait("document.querySelectorAll('#runs-table tbody').length == 2");
    assert!(!studio.place.path("runs/2026-01-01_good").exists());
    // What is not the run's stays, and is named.
    std::fs::write(studio.place.path("runs/2026-01-02_wild/notes.txt"), "mine").unwrap();
    act(&page, wild, "Delete");
    page.click("#ask-yes");
    page.says("#runs-hint", "In runs/2026-01-02_wild stays what is not the run’s: notes.txt.");
    assert_eq!(rows(&page), json!([slow]));
    page.click("nav [data-view=train]");
    page.says("#run-name", slow);
    let verdict = studio.json(&format!("/api/runs/{slow}"))["verdict"].clone();
    page.says("#guess-verdict", verdict.as_str().expect("it learned nothing"));
    page.is_content();
}

#[test]
fn maps_stand_under_the_name_of_their_own_run() {
    let studio = with_runs();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, "#inside");
    page.wait("document.querySelector('#inside-run option[value=\"2026-01-01_good\"]')");
    let picture = studio.place.path("test/cats/1.png");
    page.choose("#inside-file", &[&picture]);
    page.says("#inside-status", "Run 2026-01-03_slow");
    page.wait("document.querySelectorAll('#layers canvas').length >= 6");
    let hidden = page.js(
        "(() => { const menu = document.querySelector('#inside-run'); menu.value = '2026-01-01_good';\
           menu.dispatchEvent(new Event('change')); return document.querySelector('#inside-result').hidden; })()",
    );
    assert_eq!(hidden, true, "the maps of the other run are gone at once");
    page.says("#inside-status", "Run 2026-01-01_good");
    // A model that is gone leaves none behind either.
    std::fs::remove_dir_all(studio.place.path("runs/2026-01-03_slow")).unwrap();
    page.select("#inside-run", "2026-01-03_slow");
    page.says("#inside-alert", "there is no run 2026-01-03_slow");
    assert_eq!(page.js("document.querySelector('#inside-result').hidden"), true);
    page.is_content_but_for(&["404"]); // there are no samples here
}

#[test]
fn every_section_fits_narrow_and_wide_screens_in_both_themes() {
    let studio = with_runs();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, &SETTINGS.replace("epochs=1000", "epochs=3"));
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.says("#status", "Finished");
    let is_looked_at = std::env::var_os("PAWGRAD_SCREENSHOTS").is_some();
    for theme in ["first", "second"] {
        for width in [380, 1024, 1600] {
            // Colours move nothing: all widths are for who looks at them.
            if theme == "second" && width != 380 && !is_looked_at {
                continue;
            }
            for view in ["train", "predict", "inside", "runs"] {
                page.resize(width, 1000);
                page.click(&format!("nav [data-view={view}]"));
                match view {
                    "inside" => {
                        page.choose("#inside-file", &[&studio.place.path("test/cats/1.png")]);
                        page.wait("document.querySelectorAll('#layers canvas').length >= 6");
                    }
                    "predict" => {
                        page.choose("#predict-file", &[&studio.place.path("test/cats/1.png")]);
                        page.wait("document.querySelector('#results .verdict')");
                    }
                    _ => {}
                }
                let over =
                    page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth");
                assert_eq!(over, json!(0), "{view} is wider than {width} pixels");
                nothing_is_cut(&page, view);
                says_no_option(&page);
                page.screenshot(&format!("30-{view}-{width}-{theme}"));
            }
        }
        page.click("#theme");
    }
    page.is_content_but_for(&["404"]); // there are no samples here
}
