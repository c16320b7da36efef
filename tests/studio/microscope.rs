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
    // The last line writes the value that was asked for, and then the thread has ended.
    let last = &all[steps as usize];
    let write = last["notes"].as_array().unwrap().iter().find(|note| note["action"] == "write").unwrap();
    assert_eq!((&write["name"], &write["element"]), (&json!("y"), &json!(77)), "{last}");
    assert_eq!(last["line"], json!(null));
    for at in [steps, 3, steps / 2, 0, steps - 1] {
        assert_eq!(step(&studio, id, at), all[at as usize], "step {at}, gone back to");
    }
    for kernel in plain["kernels"].as_array().unwrap() {
        let opened = open(json!({"kernel": kernel, "element": 3}));
        for rung in opened["rungs"].as_array().unwrap() {
            let answer = open(json!({"kernel": kernel, "rung": rung, "element": 3}));
            let end = step(&studio, &answer["microscope"], u64::MAX >> 12);
            let writes = end["notes"].as_array().unwrap();
            let name = &answer["output"]["name"];
            println!("{kernel} {rung}: {} steps, {name}, {writes:?}", answer["steps"]);
        }
    }
}
