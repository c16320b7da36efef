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
