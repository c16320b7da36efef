//! A thread under the microscope: opened, stepped forward and back, refused.

use crate::common::studio::Studio;
use serde_json::{Value, json};

/// A studio with a model, and the number of a picture.
fn with_model() -> (Studio, u64) {
    let studio = Studio::new();
    studio.train(1);
    assert_eq!(studio.wait_for("end")["end"], "finished");
    studio.post("/api/folders", json!({"path": "test"}));
    let picture = studio.post("/api/pictures", json!({"path": "test/cats/0.png"})).json();
    let picture = picture["picture"].as_u64().unwrap_or_else(|| panic!("{picture}"));
    (studio, picture)
}

fn step(studio: &Studio, microscope: &Value, step: u64) -> Value {
    let answer = studio.post(&format!("/api/microscope/{microscope}/step"), json!({"step": step}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn a_thread_is_followed_forward_and_back() {
    let (studio, picture) = with_model();
    let open = |more: Value| {
        let mut asked = json!({"picture": picture, "layer": "conv2", "element": 77});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = studio.post("/api/microscope", asked);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let plain = open(json!({}));
    assert_eq!((&plain["kernel"], &plain["rung"]), (&json!("conv2d.forward"), &json!("1_plain")));
    assert!(plain["kernels"].as_array().unwrap().contains(&json!("conv2d.backward_w")), "{plain}");
    let steps = plain["steps"].as_u64().unwrap();
    let id = &plain["microscope"];
    let first = step(&studio, id, 0);
    assert_eq!((&first["step"], &first["done"]), (&json!(0), &json!(null)));
    let all: Vec<_> = (0..=steps).map(|at| step(&studio, id, at)).collect();
    assert_eq!(all[0]["line"], all[1]["done"], "the first step is in front of a line");
    // The last line writes the value that was asked for, and then the thread has ended.
    let last = &all[steps as usize];
    let write = last["notes"].as_array().unwrap().iter().find(|note| note["action"] == "write").unwrap();
    assert_eq!((&write["name"], &write["place"]), (&json!("y"), &json!("[77]")), "{last}");
    assert_eq!(last["line"], json!(null));
    for at in [steps, 3, steps / 2, 0, steps - 1] {
        assert_eq!(step(&studio, id, at), all[at as usize], "step {at}, gone back to");
    }
    for kernel in plain["kernels"].as_array().unwrap() {
        let opened = open(json!({"kernel": kernel, "element": 3}));
        for rung in opened["rungs"].as_array().unwrap() {
            let answer = open(json!({"kernel": kernel, "rung": rung, "element": 3}));
            let (id, steps) = (&answer["microscope"], answer["steps"].as_u64().unwrap());
            // Beyond the end is the end: what the thread owns is written.
            let end = step(&studio, id, u64::MAX >> 12);
            let what = format!("{kernel} {rung}");
            assert_eq!((&end["step"], &end["line"]), (&json!(steps), &json!(null)), "{what}");
            let output = answer["output"]["name"].as_str().unwrap();
            let number =
                answer["variables"].as_array().unwrap().iter().position(|global| global["name"] == output);
            let written = &end["variables"][number.unwrap()]["touched"]["thread"];
            let range = |part: &Value| (part[0].as_u64().unwrap(), part[1].as_u64().unwrap());
            let ranges = written.as_array().unwrap().iter().map(range);
            assert!(ranges.clone().any(|(first, n)| (first..first + n).contains(&3)), "{what}: {written}");
            assert_eq!(
                end["threads"].as_str().unwrap().as_bytes()[answer["thread"].as_u64().unwrap() as usize],
                b'e'
            );
            // Far jumps in any order lead to the same.
            let [half, most] = [steps / 2, steps - 1].map(|at| step(&studio, id, at));
            assert_eq!(step(&studio, id, 1)["step"], json!(1), "{what}");
            assert_eq!(step(&studio, id, most["step"].as_u64().unwrap()), most, "{what}");
            assert_eq!(step(&studio, id, half["step"].as_u64().unwrap()), half, "{what}");
            assert_eq!(step(&studio, id, steps), end, "{what}");
        }
    }
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    let (studio, picture) = with_model();
    let open = |more: Value| {
        let mut asked = json!({"picture": picture, "layer": "conv2", "element": 77});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        studio.post("/api/microscope", asked)
    };
    let thread = |pass: u32, group: [u32; 3], thread: u32| json!({"thread": {"pass": pass, "group": group, "thread": thread}});
    for (more, status, words) in [
        (json!({"picture": 1_u64 << 40}), 404, "picture"),
        (json!({"run": "nowhere"}), 404, "there is no run nowhere"),
        (json!({"layer": "conv9"}), 422, "there is no layer conv9"),
        (json!({"layer": "flatten1"}), 404, "no kernel runs for this layer"),
        (json!({"kernel": "dense.forward"}), 422, "dense.forward does not run for conv2"),
        (json!({"kernel": "<b>"}), 422, "does not run for conv2"),
        (json!({"rung": "9_none"}), 422, "there is no rung 9_none"),
        (json!({"element": 2048}), 422, "y has 2048 values"),
        (json!({"element": u64::MAX}), 422, "y has 2048 values"),
        (json!({"label": 2}), 422, "there are 2 classes"),
        (json!({"subgroup": 0}), 422, "subgroups have"),
        (json!({"subgroup": 33}), 422, "subgroups have"),
        (thread(1, [0, 0, 0], 0), 404, "no such pass"),
        (thread(0, [8, 0, 0], 0), 404, "no such thread"),
        (thread(0, [0, 1, 0], 0), 404, "no such thread"),
        (thread(0, [0, 0, 0], 256), 404, "no such thread"),
    ] {
        let answer = open(more.clone());
        assert_eq!(answer.status, status, "{more}: {}", answer.text());
        assert!(answer.text().contains(words), "{more}: {}", answer.text());
    }
    for more in [json!({"element": -1}), json!({"thread": {"pass": 0}}), json!({"more": 1})] {
        let status = open(more.clone()).status;
        assert!((400..500).contains(&status), "{more}: {status}");
    }
    // A thread beyond the values ends early, and that can be seen.
    let opened = open(thread(0, [7, 0, 0], 255)).json();
    let id = opened["microscope"].as_u64().unwrap();
    assert_eq!((&opened["group"], &opened["thread"]), (&json!([7, 0, 0]), &json!(255)));
    // Without the page's token nothing is opened, and nothing stepped.
    for (path, body) in [
        ("/api/microscope".to_string(), json!({"picture": picture, "layer": "conv2"})),
        (format!("/api/microscope/{id}/step"), json!({"step": 1})),
    ] {
        let answer = studio.post_with(&path, "Content-Type: application/json", body.to_string().as_bytes());
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
    // The last few are kept.
    assert_eq!(studio.post(&format!("/api/microscope/{id}/step"), json!({"step": 1})).status, 200);
    for _ in 0..4 {
        assert_eq!(open(json!({"layer": "relu2"})).status, 200);
    }
    let forgotten = studio.post(&format!("/api/microscope/{id}/step"), json!({"step": 1}));
    assert_eq!(forgotten.status, 404);
    assert!(forgotten.text().contains("forgotten"), "{}", forgotten.text());
}

#[test]
fn gradients_are_shown_and_their_kernels_can_be_watched() {
    let (studio, picture) = with_model();
    let inside = studio.post("/api/inside", json!({"picture": picture, "run": null, "device": "cpu"})).json();
    let id = inside["inside"].as_u64().unwrap();
    // What stands before what, and the kernels of the way back: the first layer needs no gradient of the picture.
    let layer =
        |name: &str| inside["layers"].as_array().unwrap().iter().find(|layer| layer["name"] == name).unwrap();
    let index = |name: &str| layer(name)["index"].as_u64().unwrap();
    assert_eq!((&layer("conv1")["inputs"], &layer("relu1")["inputs"]), (&json!([null]), &json!([0])));
    let back = |name: &str| layer(name)["backward"].as_array().unwrap().clone();
    assert!(
        !back("conv1").contains(&json!("conv2d.backward_x"))
            && back("conv1").contains(&json!("conv2d.backward_w"))
    );
    assert!(back("conv2").contains(&json!("conv2d.backward_x")), "{:?}", back("conv2"));
    assert_eq!((back("relu4"), back("flatten1")), (vec![json!("relu.backward_x")], vec![]));

    let path = format!("/api/inside/{id}/gradients");
    studio.get(&format!("{path}/0/{}/values", index("dense3"))).refuses(404, "were not computed");
    let predicted = studio.post(&path, json!({})).json();
    assert_eq!(predicted["class"], inside["class"], "{predicted}");
    for (label, class) in inside["classes"].as_array().unwrap().iter().enumerate() {
        let found = studio.post(&path, json!({"label": label})).json();
        assert_eq!((&found["class"], &found["label"]), (class, &json!(label)));
        assert_eq!(found["class"] == predicted["class"], found == predicted, "the same is computed once");
        let probability = inside["scores"][label].as_f64().unwrap();
        assert!((found["loss"].as_f64().unwrap() + probability.ln()).abs() < 1e-5, "{found}");
        for (seen, gradient) in
            inside["layers"].as_array().unwrap().iter().zip(found["layers"].as_array().unwrap())
        {
            let (index, shape) = (&seen["index"], seen["shape"].as_array().unwrap());
            if shape.len() == 3 {
                let png = studio.get(&format!("{path}/{label}/{index}.png"));
                let maps = image::load_from_memory(&png.body).unwrap().to_luma8();
                let [channels, height, width] = [0, 1, 2].map(|axis| shape[axis].as_u64().unwrap() as usize);
                let columns = (1..).find(|columns| columns * columns >= channels).unwrap();
                // A map is silent where all its values are equal; 0 is 128.
                for channel in 0..channels {
                    let (top, left) = (channel / columns * height, channel % columns * width);
                    let at = |row: usize, column: usize| {
                        maps.get_pixel((left + column) as u32, (top + row) as u32).0[0]
                    };
                    let is_flat = (0..height * width).all(|i| at(i / width, i % width) == at(0, 0));
                    let is_silent = gradient["silent"].as_array().unwrap().contains(&json!(channel));
                    assert!(is_flat || !is_silent, "{} {channel}", seen["name"]);
                    if gradient["max"] == 0.0 && gradient["min"] == 0.0 {
                        assert_eq!(at(0, 0), 128);
                    }
                }
            } else {
                let values = studio.json(&format!("{path}/{label}/{index}/values"))["values"].clone();
                assert_eq!(values.as_array().unwrap().len() as u64, shape[0].as_u64().unwrap());
                let unit = studio.json(&format!("{path}/{label}/{index}/unit"));
                assert_eq!(unit["value"], values[0]);
            }
        }
        // The microscope sees the same value written by the kernel that is said to compute it.
        let conv = &found["layers"][index("conv2") as usize];
        assert_eq!(conv["owner"], json!({"layer": "relu2", "kernel": "relu.backward_x"}), "{conv}");
        // Of map 5, row 2, column 1: conv2 is 128 x 4 x 4.
        let unit = studio.json(&format!("{path}/{label}/{}/unit?channel=5&row=2&column=1", index("conv2")));
        let opened = studio.post(
            "/api/microscope",
            json!({"picture": picture, "layer": "relu2", "kernel": "relu.backward_x", "element": 5 * 16 + 9, "label": label}),
        );
        let opened = opened.json();
        let end = step(&studio, &opened["microscope"], u64::MAX >> 12);
        let write = end["notes"].as_array().unwrap().iter().find(|note| note["action"] == "write").unwrap();
        let (written, value) = (&write["values"][0], unit["value"].as_f64().unwrap());
        assert!((written.as_f64().unwrap() - value).abs() <= 1e-5 * value.abs() + 1e-9, "{write} {unit}");
    }
    for (path, status, words) in [
        (format!("{path}/1/99.png"), 404, "no such layer"),
        (format!("{path}/1/{}.png", index("dense1")), 404, "values"),
        (format!("{path}/1/0/unit?channel=64"), 422, "64 x 8 x 8"),
        (format!("{path}/7/0.png"), 404, "not computed"),
        ("/api/inside/777/gradients/0/0.png".to_string(), 404, "forgotten"),
    ] {
        studio.get(&path).refuses(status, words);
    }
    studio.post(&path, json!({"label": 2})).refuses(422, "there are 2 classes");
    studio.post(&path, json!({"more": 2})).refuses(422, "more");
    studio.post("/api/inside/777/gradients", json!({})).refuses(404, "forgotten");
    studio.post_with(&path, "Content-Type: application/json", b"{}").refuses(403, "");

    // Another model under the same name says nothing of these maps.
    let file = |run: &Value| studio.place.path(&format!("runs/{}/best.safetensors", run.as_str().unwrap()));
    let first = file(&inside["run"]);
    let look = || {
        studio.post("/api/inside", json!({"picture": picture, "run": inside["run"], "device": "cpu"})).json()
    };
    let again = look();
    let mut settings = studio.settings(1);
    settings["seed"] = json!(2);
    studio.post("/api/train", settings);
    studio.wait_for("end");
    let runs = studio.json("/api/runs");
    let newest = runs.as_array().unwrap().iter().find(|run| run["name"] != inside["run"]).unwrap();
    std::fs::copy(file(&newest["name"]), first).unwrap();
    let stale = format!("/api/inside/{}/gradients", again["inside"]);
    studio.post(&stale, json!({})).refuses(409, "look inside again");
}
