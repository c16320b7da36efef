//! More classes than two, and networks: what the page asks of them.

use crate::common::program::Place;
use crate::common::studio::Studio;
use serde_json::{Value, json};

/// A studio whose pictures are of three classes.
fn of_three() -> Studio {
    let place = Place::new();
    place.bash("for set in train test; do cp -r $set/dogs $set/foxes; done").succeeds();
    Studio::at(place, "")
}

/// Trains, and looks at a picture: the run's name, and the answer of /api/inside.
fn looked(studio: &Studio, settings: Value) -> (String, Value) {
    let started = studio.post("/api/train", settings);
    assert_eq!(started.status, 202, "{}", started.text());
    let end = studio.wait_for("end");
    assert_eq!(end["end"], "finished", "{end}");
    let picture = studio.upload(&std::fs::read(studio.place.path("test/dogs/0.png")).unwrap()).json();
    let inside = studio.post("/api/inside", json!({"picture": picture["picture"], "run": null}));
    assert_eq!(inside.status, 200, "{picture}: {}", inside.text());
    let inside = inside.json();
    (end["run"].as_str().unwrap().to_string(), inside)
}

fn values(heat: &Value) -> Vec<f64> {
    heat["values"].as_array().expect("a heat map").iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn the_heat_map_and_the_gradients_are_of_any_class() {
    for (studio, count) in [(Studio::new(), 2), (of_three(), 3)] {
        // Of class 0 there is next to nothing: another one is predicted.
        studio.place.bash("find train/cats -name '[1-9].png' -delete").succeeds();
        let (_, inside) = looked(&studio, studio.settings(2));
        let (id, classes) = (&inside["inside"], inside["classes"].as_array().unwrap());
        assert_eq!((classes.len(), inside["has_heat"].as_bool()), (count, Some(true)), "{inside}");
        let predicted = classes.iter().position(|class| *class == inside["class"]).unwrap();
        assert!(predicted > 0, "{inside}");
        let path = format!("/api/inside/{id}/heat");
        let first = studio.json(&path);
        assert_eq!(first["class"], inside["class"]);
        for (class, name) in classes.iter().enumerate() {
            let answer = studio.post(&path, json!({"class": class}));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let heat = answer.json();
            assert_eq!(heat["class"], *name);
            assert_eq!(heat == first, class == predicted, "{name}");
            assert!(values(&heat).iter().all(|value| (0.0..=1.0).contains(value)), "{heat}");
            // Whatever class is predicted, it is seen that the model is the same.
            let gradients = studio.post(&format!("/api/inside/{id}/gradients"), json!({"label": class}));
            assert_eq!(gradients.status, 200, "{}", gradients.text());
            assert_eq!(gradients.json()["class"], *name);
        }
        studio.post(&path, json!({"class": count})).refuses(422, &format!("there are {count} classes"));
        studio.post("/api/inside/999/heat", json!({"class": 0})).refuses(404, "forgotten");
        let none = studio.post(&path, json!({}));
        assert_eq!(none.status, 422, "{}", none.text());
    }
}

#[test]
fn a_model_that_is_another_by_now_gives_no_heat_map() {
    let studio = of_three();
    let (run, inside) = looked(&studio, studio.settings(1));
    let predicted = inside["classes"].as_array().unwrap().iter().position(|class| *class == inside["class"]);
    let other = (predicted.unwrap() + 1) % 3;
    let line = "train --train-dir train --test-dir test --image-size 8 --epochs 2 --batch-size 4 --seed 7 --device cpu";
    studio.place.run(&format!("{line} --out other")).succeeds();
    studio.place.bash(&format!("cp other/best.safetensors runs/{run}/best.safetensors")).succeeds();
    let path = format!("/api/inside/{}/heat", inside["inside"]);
    studio.post(&path, json!({"class": other})).refuses(409, "another model by now");
}

#[test]
fn a_network_is_described_before_it_is_trained() {
    let studio = Studio::new();
    for (name, classes, size, color) in [
        ("default", 2, 64, "gray"),
        ("default", 10, 32, "rgb"),
        ("small", 2, 8, "rgb"),
        ("small", 100, 256, "gray"),
        ("batch_norm", 3, 32, "gray"),
        ("residual", 10, 32, "rgb"),
    ] {
        let query = format!("classes={classes}&image_size={size}&color={color}");
        let told = studio.json(&format!("/api/networks/{name}?{query}"));
        let line = format!(
            "summary --network {name} --classes {classes} --image-size {size} --color {color} --graph drawn.svg"
        );
        let summary = studio.place.run(&line).succeeds().stdout.replace(',', "");
        assert!(summary.contains(&told["parameters"].to_string()), "{told} is not in: {summary}");
        let drawn = studio.get(&format!("/api/networks/{name}/graph?{query}"));
        assert_eq!((drawn.status, drawn.header("content-type")), (200, Some("image/svg+xml")));
        assert_eq!(drawn.text(), std::fs::read_to_string(studio.place.path("drawn.svg")).unwrap());
        let boxes = drawn.text().matches("class=\"box\"").count() as u64;
        assert_eq!(told["layers"].as_u64().unwrap() + 1, boxes, "a box each, and the input's");
    }
    for (path, status, word) in [
        ("own.toml?classes=2&image_size=64&color=gray", 404, "no such network"),
        ("small?classes=1&image_size=64&color=gray", 422, "from 2 to 1000 classes"),
        ("small?classes=1001&image_size=64&color=gray", 422, "not 1001"),
        ("small?classes=2&image_size=7&color=gray", 422, "7 is not between 8 and"),
        ("small/graph?classes=2&image_size=99999&color=gray", 422, "99999 is not between 8 and"),
    ] {
        let answer = studio.get(&format!("/api/networks/{path}"));
        answer.refuses(status, word);
    }
    for wrong in
        ["small?classes=2&image_size=8", "small?classes=2&image_size=8&color=blue", "small?classes=x"]
    {
        assert_eq!(studio.get(&format!("/api/networks/{wrong}")).status, 400, "{wrong}");
    }
}

#[test]
fn what_is_wrong_with_a_setting_is_said_at_its_field() {
    let studio = Studio::new();
    studio.place.bash("cp -r train few && find few/dogs -name '[1-9].png' -delete").succeeds();
    for (field, value, word) in [
        ("color", json!("blue"), "Colour: unknown variant `blue`"),
        ("network", json!("own.toml"), "Network: there is no such network"),
        ("network", json!(7), "Network: invalid type"),
        ("validation_split", json!(1.5), "Validation split: 1.5 must be above 0 and below 1"),
        ("class_weights", json!("some"), "Class weights: unknown variant `some`"),
        ("epochs", json!("many"), "Epochs: invalid type"),
        ("micro_batch", json!(3), "micro_batch: unknown field"),
    ] {
        let mut settings = studio.settings(1);
        settings[field] = value;
        let refused = studio.post("/api/train", settings);
        refused.refuses(422, word);
        assert_eq!(refused.json()["errors"][0]["field"], field, "{}", refused.text());
    }
    let mut settings = studio.settings(1);
    settings["train_dir"] = json!("few");
    settings["validation_split"] = json!(0.2);
    let refused = studio.post("/api/train", settings);
    refused.refuses(422, "Validation split: the class dogs has 1 picture");
    assert_eq!(refused.json()["errors"].as_array().unwrap().len(), 1);
    assert_eq!(refused.json()["errors"][0]["field"], "validation_split");
    // The same in a terminal, before anything is decoded.
    let line = "train --train-dir few --validation-split 0.2 --image-size 8 --epochs 1 --device cpu";
    let said = studio.place.run(line);
    said.fails(3, &["the class dogs has 1 picture"]);
    assert!(!said.stderr.contains("5 pictures"), "{}", said.stderr);
}

#[test]
fn what_a_training_may_have_seen_is_said_of_its_mistakes() {
    let studio = of_three();
    let mut settings = studio.settings(1);
    settings["validation_split"] = json!(0.2);
    looked(&studio, settings);
    let run = studio.json("/api/runs")[0]["name"].as_str().unwrap().to_string();
    let mistakes = || studio.json(&format!("/api/runs/{run}/mistakes"))["may_have_seen"].clone();
    assert_eq!(mistakes(), json!(false));
    let class = "train/$(ls train | head -1)";
    studio
        .place
        .bash(&format!("for i in $(seq 20); do cp {class}/0.png {class}/more$i.png; done"))
        .succeeds();
    assert_eq!(mistakes(), json!(true));
}

#[test]
fn a_run_of_many_classes_is_described_in_its_line() {
    let studio = of_three();
    let mut settings = studio.settings(1);
    for (name, value) in [("network", "small"), ("color", "rgb"), ("class_weights", "auto")] {
        settings[name] = json!(value);
    }
    settings["validation_split"] = json!(0.2);
    looked(&studio, settings);
    let line = &studio.json("/api/runs")[0];
    assert_eq!(
        (&line["network"], &line["color"], &line["classes"]),
        (&json!("small"), &json!("rgb"), &json!(3))
    );
    // A run of an earlier version says neither.
    let run = line["name"].as_str().unwrap();
    studio
        .place
        .bash(&format!(
            "sed -i '/^network\\|^color\\|^class_weights\\|^validation_split/d' runs/{run}/config.toml"
        ))
        .succeeds();
    let line = &studio.json("/api/runs")[0];
    assert_eq!(
        (&line["network"], &line["color"], &line["problem"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}
