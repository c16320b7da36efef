//! The studio as a person uses it: a real browser, real clicks.

mod classes;
#[path = "../common/mod.rs"]
mod common;
mod folders;
mod microscope;
mod page;
mod runs;
mod shaders;

use common::program::Place;
use common::studio::Studio;
use page::{Page, browser};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn bundled(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dataset").join(name)
}

/// A studio with the bundled pictures, as in a fresh clone.
fn with_bundled_pictures() -> Studio {
    let place = Place::new();
    let copy = format!("cp -r '{}' dataset", bundled("").display());
    place.bash(&copy).succeeds();
    Studio::at(place, "")
}

/// The address of a page with small settings.
fn small(epochs: usize) -> String {
    format!(
        "#train?train_dir=train&test_dir=test&image_size=8&epochs={epochs}&batch_size=4&seed=1&device=cpu"
    )
}

/// The steps of a run, as its file has them.
fn losses(studio: &Studio, run: &str) -> Vec<f64> {
    let lines = studio.place.lines(&format!("runs/{run}/steps.jsonl"));
    let loss = |line: &String| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64().unwrap();
    lines.iter().map(loss).collect()
}

/// The curve on the page: the loss of each step.
fn curve(page: &Page) -> Vec<f64> {
    let drawn = page.js("Array.from(document.querySelector('#loss-chart').data?.[0]?.y ?? [])");
    drawn.as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect()
}

fn newest_run(studio: &Studio) -> String {
    studio.json("/api/runs")[0]["name"].as_str().unwrap().to_string()
}

#[test]
fn a_new_user_trains_and_predicts_without_a_terminal() {
    let studio = with_bundled_pictures();
    let browser = browser();
    // The defaults but for the seed, so that the test does not depend on luck.
    let page = Page::open(&browser, &studio.address, "#train?seed=1");
    // Times are printed for people and judged by nobody: a machine may be busy.
    let paints =
        "performance.getEntriesByType('paint').map(({name, startTime}) => [name, Math.round(startTime)])";
    page.wait("performance.getEntriesByType('paint').length > 1");
    println!("paints of the first page of a cold browser, ms: {}", page.js(paints));
    page.reload();
    page.wait("performance.getEntriesByType('paint').length > 1");
    println!("paints of a reload, ms: {}", page.js(paints));
    page.says("#fields", "cats 200");
    page.wait("!document.querySelector('#start').disabled");
    page.screenshot("1-ready");
    let pressed = Instant::now();
    page.click("#start");
    page.wait("document.querySelector('#loss-chart').data?.[0]?.y.length > 0");
    println!("from Start to the first point: {:.2} s", pressed.elapsed().as_secs_f64());
    page.says("#status", "Epoch 2/10");
    page.screenshot("2-training");
    page.wait_for(
        Duration::from_secs(400),
        "document.querySelector('#status').innerText.includes('Finished')",
    );
    let said = page.text("#test-accuracy");
    let accuracy: f64 = said.split('%').next().unwrap().split_whitespace().last().unwrap().parse().unwrap();
    assert!(accuracy >= 95.0, "{said}");
    page.says("#confusion", "cats");
    page.screenshot("3-finished");

    page.click("nav [data-view=predict]");
    page.choose("#predict-file", &[&bundled("samples/dog.jpg"), &bundled("samples/cat.jpg")]);
    page.wait("document.querySelectorAll('#results .verdict').length == 2");
    let named = |file: &str| {
        let card = format!(
            "[...document.querySelectorAll('#results > li')].find((card) => card.innerText.includes('{file}'))"
        );
        page.js(&format!("{card}.querySelector('.class').innerText"))
    };
    assert_eq!((named("cat.jpg"), named("dog.jpg")), (json!("cats"), json!("dogs")));
    page.screenshot("4-predicted");
    // Dropped and pasted, as files are by a browser.
    for (event, holder, target) in [
        ("DragEvent('drop'", "dataTransfer", "document.querySelector('#drop')"),
        ("ClipboardEvent('paste'", "clipboardData", "document"),
    ] {
        page.js("document.querySelector('#clear-results').click()");
        page.js(&format!(
            "fetch('/api/pictures/1.png?size=256').then((got) => got.blob()).then((blob) => {{\
               const data = new DataTransfer();\
               data.items.add(new File([blob], 'given.png', {{type: 'image/png'}}));\
               {target}.dispatchEvent(new {event}, {{bubbles: true, {holder}: data}}));\
             }})"
        ));
        page.wait("document.querySelectorAll('#results .verdict').length == 1");
        page.says("#results", "given.png");
    }

    page.click("#results .look-inside");
    page.wait("document.querySelectorAll('#layers canvas').length >= 6");
    page.screenshot("5-inside");
    page.click("#theme");
    page.screenshot("6-inside-dark");
    page.click("nav [data-view=train]");
    page.screenshot("7-train-dark");
    page.resize(380, 800);
    page.screenshot("8-train-narrow");
    let overflow = page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(overflow, json!(0), "the page is wider than a narrow screen");
    page.is_content();
}

#[test]
fn a_reload_at_any_moment_shows_the_same_curve() {
    let studio = Studio::new();
    let browser = browser();
    // Pictures of a size that takes a while also on a fast machine.
    let settings = small(1000).replace("image_size=8", "image_size=32");
    let page = Page::open(&browser, &studio.address, &settings);
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.wait("document.querySelector('#loss-chart').data?.[0]?.y.length > 0");
    let run = newest_run(&studio);
    // Moments that no clock repeats, but that differ by far: from at once to most of a second.
    for moment in [0, 310, 45, 620, 150, 20, 480, 90, 730, 230] {
        std::thread::sleep(Duration::from_millis(moment));
        page.reload();
        let before = losses(&studio, &run).len();
        page.wait(&format!("document.querySelector('#loss-chart').data?.[0]?.y.length >= {before}"));
        let shown = curve(&page);
        assert_eq!(shown, losses(&studio, &run)[..shown.len()], "after {moment} ms more");
    }
    // A second tab sees the same run, may not start another, and can end it.
    let second = Page::open(&browser, &studio.address, &small(3));
    second.wait("document.querySelector('#loss-chart').data?.[0]?.y.length > 10");
    second.wait("document.querySelector('#start').disabled && !document.querySelector('#stop').disabled");
    second.click("#stop");
    for tab in [&second, &page] {
        tab.says("#status", "Stopped");
        let whole = losses(&studio, &run);
        tab.wait(&format!("document.querySelector('#loss-chart').data[0].y.length == {}", whole.len()));
        assert_eq!(curve(tab), whole);
        tab.is_content();
    }
    assert!(studio.place.path(&format!("runs/{run}/model.safetensors")).is_file());
}

#[test]
fn a_killed_server_comes_back_with_the_run_so_far_and_goes_on_with_it() {
    let mut studio = Studio::new();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, &small(150));
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.wait("document.querySelector('#loss-chart').data?.[0]?.y.length > 20");
    let run = newest_run(&studio);
    studio.kill_and_restart();
    page.says("#connection", "open the address that it printed");
    page.screenshot("9-server-started-anew");
    let whole = losses(&studio, &run);
    // Until then this page is a stranger to the new server.
    page.reload_to("#enter");
    page.screenshot("9-token");
    page.enter(&studio.address);
    page.wait(&format!("document.querySelector('#loss-chart').data?.[0]?.y.length == {}", whole.len()));
    assert_eq!(curve(&page), whole);
    page.says("#status", "Killed");
    // It goes on, and ends as if nothing had been.
    page.screenshot("9-killed");
    page.click("#next-continue");
    page.says("#status", "Finished");
    let line =
        "train --train-dir train --test-dir test --image-size 8 --batch-size 4 --seed 1 --device cpu --quiet";
    studio.place.run(&format!("{line} --epochs 150 --out runs/undisturbed")).succeeds();
    page.wait("document.querySelector('#loss-chart').data?.[0]?.y.length == 450");
    assert_eq!(curve(&page), losses(&studio, "undisturbed"));
    let best = |run: &str| std::fs::read(studio.place.path(&format!("runs/{run}/best.safetensors"))).unwrap();
    assert!(best(&run) == best("undisturbed"));
    // Its best epoch is marked in the charts.
    page.js("document.querySelector('#epoch-chart').scrollIntoView()");
    page.wait("document.querySelector('#epoch-chart').data?.some(({ name }) => name == 'best epoch')");
    let marked =
        page.js("document.querySelector('#epoch-chart').data.find(({ name }) => name == 'best epoch').x[0]");
    let rows = studio.json("/api/runs");
    let row = rows.as_array().unwrap().iter().find(|row| row["name"] == run.as_str()).unwrap();
    assert_eq!(marked, row["best_epoch"]);
    page.screenshot("9-went-on");
    page.is_content_but_for(&[
        "ERR_CONNECTION_REFUSED",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
        "ERR_CONNECTION_RESET",
        "ERR_SOCKET_NOT_CONNECTED",
        "403",
    ]);
}

/// The cookie without the page's own token, or with one that is no longer right, leads to the entrance, and not in a circle.
#[test]
fn a_page_without_its_token_enters_again() {
    let studio = Studio::new();
    let (_, token) = studio.address.split_once("#token=").unwrap();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, &small(3));
    let second = Page::open(&browser, &studio.address, "");
    page.activate();
    page.js("localStorage.clear()");
    page.reload_to("#enter");
    page.screenshot("14-entrance");
    page.fill("#token", "0123456789abcdef");
    page.press("Enter");
    page.says("#enter-note", "not the token");
    page.fill("#token", token);
    page.press("Enter");
    page.is_let_in();
    assert!(page.js("location.hash").as_str().unwrap().contains("epochs=3"), "the configuration is kept");
    page.wait("!document.querySelector('#start').disabled");
    // In one turn: whatever else the page asks for leads there as well.
    page.js("void (localStorage.setItem('pawgrad-token', '0'.repeat(32)), document.querySelector('#start').click())");
    page.wait("document.querySelector('#enter')");
    assert_eq!(page.js("location.pathname"), "/enter");
    // Another tab enters by the address that was printed; this one follows.
    second.enter(&studio.address);
    page.activate();
    page.is_let_in();
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.says("#status", "Finished");
    page.is_content_but_for(&["403"]);
    second.is_content();
}

#[test]
fn without_a_token_the_page_enters_by_itself() {
    let mut studio = Studio::at(Place::new(), "--no-token");
    let browser = browser();
    let page = Page::open(&browser, &studio.address, &small(2));
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.says("#status", "Finished");
    page.is_content();
    // Also where the server was started anew.
    studio.kill_and_restart();
    page.wait(
        "document.querySelector('#connection').innerText == '' && !document.querySelector('#start').disabled",
    );
    page.wait(&format!("localStorage.getItem('pawgrad-token') == {:?}", studio.token));
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    studio.wait_for("end");
}

#[test]
fn mistakes_are_explained_where_they_are_made() {
    let studio = Studio::new();
    std::fs::write(studio.place.path("train/cats/broken.jpg"), "not a picture").unwrap();
    studio.place.bash("mkdir other && cp -r test/cats other/cats && cp -r test/dogs other/wolves").succeeds();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, &small(3));
    page.says("#fields", "1 file left out, 10 usable");
    for (name, wrong, words, right) in [
        ("epochs", "0", "from 1 to", "3"),
        ("epochs", "many", "not a whole number", "3"),
        ("learning_rate", "5", "from", "0.001"),
        ("dropout", "1", "from 0", "0.5"),
        ("batch_size", "", "needed", "4"),
        ("image_size", "4", "from 8", "8"),
        ("train_dir", "nowhere", "there is no folder nowhere", "train"),
        ("test_dir", "test/cats", "has no class folders", "test"),
    ] {
        let field = format!("#field-{name}");
        page.fill(&field, wrong);
        page.says(&format!("#error-{name}"), words);
        let invalid = page.js(&format!("document.querySelector('{field}').getAttribute('aria-invalid')"));
        assert_eq!(invalid, "true", "{name}");
        assert_eq!(page.js("document.querySelector('#start').disabled"), true, "{name}");
        if wrong == "nowhere" {
            page.screenshot("10-wrong-folder");
        }
        if wrong == "test/cats" {
            let options =
                "[...document.querySelectorAll('#folders-test_dir option')].map((o) => o.value).join()";
            page.wait(&format!("{options} == 'test/cats'"));
        }
        page.fill(&field, right);
        page.wait(&format!("document.querySelector('#error-{name}').innerText == ''"));
    }
    page.says("#command", "--train-dir train --test-dir test");
    page.says("#command", "--epochs 3");
    assert!(page.js("location.hash").as_str().unwrap().contains("epochs=3"));

    // A run that fails says why, and the next one may begin.
    page.fill("#field-test_dir", "other");
    page.says("#fields", "wolves 5");
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.says(
        "#run-error",
        "the training pictures have the classes cats, dogs, the test pictures cats, wolves",
    );
    page.fill("#field-test_dir", "test");
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.says("#status", "Finished");

    page.click("nav [data-view=predict]");
    for (path, words) in [
        ("/etc/passwd", "there is no such picture"),
        ("train/cats/broken.jpg", "this picture cannot be used: a text file"),
    ] {
        page.fill("#predict-path", path);
        page.press("Enter");
        page.says("#results .alert", words);
    }
    page.fill("#predict-path", "test/dogs/1.png");
    page.press("Enter");
    page.wait("document.querySelector('#results .verdict')");
    page.choose("#predict-file", &[&studio.place.path("train/cats/broken.jpg")]);
    page.says("#results", "cannot be used");
    page.is_content_but_for(&["422", "404"]);
}

#[test]
fn one_looks_inside_while_it_trains() {
    let studio = with_bundled_pictures();
    let browser = browser();
    let settings =
        "#train?train_dir=train&test_dir=test&image_size=32&epochs=1000&batch_size=4&seed=1&device=cpu";
    let page = Page::open(&browser, &studio.address, settings);
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    studio.wait_for("epoch");
    page.click("nav [data-view=inside]");
    page.wait("document.querySelectorAll('#layers canvas').length >= 6");
    page.says("#layers", "conv1");
    // A click on a map shows the arithmetic.
    page.click("#layers canvas.maps");
    page.says("#layers", "ReLU");
    page.screenshot("11-unit");
    // With the keyboard as well.
    page.js("document.querySelector('#layers canvas.maps').focus()");
    page.press("ArrowRight");
    page.click("#follow");
    page.wait("document.querySelector('#inside-status').innerText.includes('tep')");
    let first = page.text("#inside-status");
    page.wait(&format!("document.querySelector('#inside-status').innerText.trim() != {first:?}"));
    page.screenshot("12-following");
    // No file has these weights: there is no heat map of another class.
    page.wait("document.querySelector('#heat-class').disabled");
    page.click("#follow");
    page.click("nav [data-view=train]");
    page.click("#stop");
    page.says("#status", "Stopped");
    page.click("nav [data-view=runs]");
    page.says("#runs-table", &newest_run(&studio));
    page.click("#runs-table input[type=checkbox]");
    page.wait("document.querySelector('#compare-chart').data?.[0]?.y.length > 0");
    page.screenshot("13-runs");
    page.is_content();
}

#[test]
fn class_names_are_text() {
    let name = "<img src=x onerror=alert(1)>";
    let studio = Studio::at(Place::with_dogs_named(name), "");
    let browser = browser();
    let page = Page::open(&browser, &studio.address, &small(2));
    page.says("#fields", name);
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.says("#status", "Finished");
    page.says("#confusion", name);
    assert_eq!(page.js("document.querySelectorAll('img[src=x]').length"), json!(0));
    page.is_content();
}

#[test]
fn eight_tabs_show_the_same() {
    let studio = Studio::new();
    let browser = browser();
    let tabs: Vec<Page> = (0..8).map(|_| Page::open(&browser, &studio.address, &small(30))).collect();
    tabs[7].wait("!document.querySelector('#start').disabled");
    tabs[7].click("#start");
    studio.wait_for("end");
    let whole = losses(&studio, &newest_run(&studio));
    for tab in &tabs {
        tab.activate();
        tab.says("#status", "Finished");
        tab.wait(&format!("document.querySelector('#loss-chart').data?.[0]?.y.length == {}", whole.len()));
        assert_eq!(curve(tab), whole);
        tab.is_content();
    }
}

/// Lets a page be judged by [`nothing_serious`].
fn load_axe(page: &Page) {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe/axe_playwright_python/axe.min.js");
    let axe = std::fs::read_to_string(&axe)
        .unwrap_or_else(|why| panic!("{}: {why}; tests/run gets axe-core", axe.display()));
    page.run(&axe);
}

#[track_caller]
fn nothing_serious(page: &Page, what: &str) {
    let found = page.js("axe.run().then(({violations}) => violations\
           .filter(({impact}) => impact === 'serious' || impact === 'critical')\
           .map(({id, nodes}) => [id, nodes.map(({html}) => html).slice(0, 3)]))");
    assert_eq!(found, json!([]), "{what}");
}

#[test]
fn nothing_serious_stands_in_the_way_of_anyone() {
    let studio = with_bundled_pictures();
    let browser = browser();
    let page = Page::open(&browser, &studio.address, &small(2));
    page.wait("!document.querySelector('#start').disabled");
    page.click("#start");
    page.says("#status", "Finished");
    load_axe(&page);
    for theme in ["first", "second"] {
        for view in ["train", "predict", "inside", "runs"] {
            page.click(&format!("nav [data-view={view}]"));
            if view == "inside" {
                page.wait("document.querySelectorAll('#layers canvas').length >= 6");
            }
            nothing_serious(&page, &format!("{view}, {theme} theme"));
        }
        page.click("#theme");
    }
    page.is_content();
}
