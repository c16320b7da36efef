//! Who owns a value, and what its thread does: against a whole run, for every kernel and rung.

use pawgrad::check::kernels::Question;
use pawgrad::check::{self, Case, Style};
use pawgrad::microscope::job::Job;
use pawgrad::microscope::limits::Limits;
use pawgrad::microscope::proof::{Settings, prove};
use pawgrad::microscope::view::{Action, Stepper, owner, run_before};
use std::collections::BTreeMap;

const SUBGROUP: u32 = 32;
/// Words of the largest case that is run.
const MOST_WORDS: usize = 4000;

/// For each kernel and rung, the largest case that is small.
fn small_cases() -> Vec<(Case, &'static str)> {
    let mut largest = BTreeMap::new();
    for (number, case) in check::all().iter().enumerate() {
        let buffers = case.call.inputs().iter().chain(case.call.outputs());
        let words: usize = buffers.map(|buffer| case.len(buffer)).sum();
        for source in case.call.sources().iter().filter(|source| source.fits && words <= MOST_WORDS) {
            let known = largest.entry((case.call.name(), source.rung)).or_insert((0, 0));
            *known = (*known).max((words, number));
        }
    }
    let found = largest.into_iter().map(|((_, rung), (_, number))| (check::all().swap_remove(number), rung));
    found.collect()
}

#[test]
fn the_owner_of_a_value_is_found_and_its_life_ends_with_that_value() {
    let (mut lives, mut steps) = (0, 0);
    for (case, rung) in small_cases() {
        let name = format!("{} {rung}: {}", case.call.name(), case.call.params());
        // Those for tensor cores are refused elsewhere.
        let Ok(job) = Job::new(&*case.call, rung, SUBGROUP) else { continue };
        let question = Question::new(&case, case.call.rounding(rung), Style::Random);
        let [inputs, outputs] = question.words();
        let buffers = job.buffers(&inputs, &outputs);
        let report = prove(&job, &buffers, Settings { subgroup: SUBGROUP, ..Settings::default() }).unwrap();
        let output = case.call.outputs()[0].name;
        let len = report.outputs[0].len();
        for cell in [0, len / 2, len - 1] {
            let own = match owner(&job, &buffers, (output, cell as u32), SUBGROUP, Limits::default()) {
                Ok(own) => own,
                // A step of Adam is left out where a gradient is not finite.
                Err(why) => {
                    assert_eq!(report.outputs[0][cell], outputs[0][cell], "{name}: {why}");
                    continue;
                }
            };
            let mut before = buffers.clone();
            run_before(&job, &mut before, &own, SUBGROUP).unwrap();
            let job = Job::new(&*case.call, rung, SUBGROUP).unwrap();
            let mut stepper = Stepper::new(job, before, own.pass, (own.group, own.thread), SUBGROUP).unwrap();
            // The value is written by this thread, and by no line before.
            let mut written = false;
            for step in (stepper.steps().saturating_sub(200)..=stepper.steps()).rev() {
                stepper.go_to(step);
                let notes = stepper.look().notes;
                written |= notes.iter().any(|note| {
                    let (_, first) = note.cells.unwrap_or((0, 0));
                    let cells = first as usize..first as usize + note.values.len();
                    note.action == Action::Write && *note.name == *output && cells.contains(&cell)
                });
                if written {
                    break;
                }
            }
            stepper.go_to(stepper.steps());
            let value = stepper.value(output, cell);
            assert!(written || stepper.steps() > 200, "{name}: {output}[{cell}] is not written by {own:?}");
            assert_eq!(value, Some(report.outputs[0][cell]), "{name}: {output}[{cell}]");
            (lives, steps) = (lives + 1, steps + stepper.steps());
        }
    }
    println!("{lives} lives of {} lines on average", steps / lives);
    assert!(lives > 100, "{lives}");
}

#[test]
fn going_back_shows_what_was_there() {
    for (kernel, rung) in [("dense.backward_w", "2_shared"), ("conv2d.forward", "1_plain")] {
        let (case, _) =
            small_cases().into_iter().find(|(case, of)| case.call.name() == kernel && *of == rung).unwrap();
        let job = Job::new(&*case.call, rung, SUBGROUP).unwrap();
        let question = Question::new(&case, case.call.rounding(rung), Style::Random);
        let [inputs, outputs] = question.words();
        let buffers = job.buffers(&inputs, &outputs);
        let mut stepper = Stepper::new(job, buffers, 0, ([0; 3], 0), SUBGROUP).unwrap();
        let mut look = |step: usize| {
            stepper.go_to(step);
            let cells: Vec<_> = (0..stepper.variables().len()).map(|i| stepper.cells(i).to_vec()).collect();
            let touched: Vec<_> = (0..cells.len()).map(|i| stepper.touched(i)).collect();
            (format!("{:?}", stepper.look()), stepper.counts(), cells, touched)
        };
        let steps: Vec<usize> = (0..60).map(|i| i * 7).collect();
        let forward: Vec<_> = steps.iter().map(|&step| look(step)).collect();
        for (step, wanted) in steps.iter().zip(&forward).rev() {
            assert_eq!(&look(*step), wanted, "{kernel} {rung}, line {step}");
        }
    }
}

/// Every variable of a function is set when the function begins. A reader looks for it where it is declared.
#[test]
fn what_a_variable_begins_with_is_shown_at_its_own_line() {
    let text = "@group(0) @binding(0) var<storage, read_write> y: array<f32>;
fn scaled(v: f32) -> f32 {
    let twice = v + v;
    var factor = 3.0;
    return twice * factor;
}
@compute @workgroup_size(1)
fn main() {
    let first = y[1] + 1.0;
    var sum = 2.0;
    var open: f32;
    for (var k = 0u; k < 2u; k++) {
        var turn = 7u;
        if (k == 1u) { sum += scaled(first); }
        turn += k;
    }
    if (sum < 0.0) {
        var never = 9.0;
        sum += never;
    }
    var last = 4.0;
    for (var half = 4u; half > 1u;) {
        half /= 2u;
    }
    y[0] = sum + last + open;
}";
    let job = Job::of_text(text, "main", [1, 1, 1], &[], [&[], &["y"]]).unwrap();
    let buffers = job.buffers(&[], &[vec![1f32.to_bits(); 2]]);
    let mut stepper = Stepper::new(job, buffers, 0, ([0; 3], 0), SUBGROUP).unwrap();
    let mut notes = Vec::new();
    for step in 1..=stepper.steps() {
        stepper.go_to(step);
        let look = stepper.look();
        let line = look.done.unwrap();
        notes.extend(look.notes.iter().map(|note| format!("{line}: {note}")));
    }
    let wanted = [
        "9: y[1] is 1.0",
        "9: first = 2.0",
        "10: sum = 2.0",
        "12: k = 0",
        "13: turn = 7",
        "15: turn = 7",
        "12: k = 1",
        "13: turn = 7",
        "3: twice = 4.0",
        "4: factor = 3.0",
        "14: sum = 14.0",
        "15: turn = 8",
        "12: k = 2",
        "21: last = 4.0",
        "22: half = 4",
        "23: half = 2",
        "23: half = 1",
        "25: y[0] becomes 18.0",
    ];
    assert_eq!(notes, wanted);
}

#[test]
fn notes_name_elements_and_components() {
    let text = "struct Record { first: u32, list: array<vec2<u32>, 2> }
        var<workgroup> staged: array<vec4<f32>, 4>;
        var<workgroup> tile: array<array<f32, 3>, 2>;
        var<workgroup> record: Record;
        @group(0) @binding(0) var<storage, read_write> y: array<f32>;
        @compute @workgroup_size(1)
        fn main() {
            staged[3] = vec4(1.0, 2.0, 3.0, 4.0);
            staged[3].y = 5.0;
            tile[1][2] = staged[3].y;
            record.list[1].y = 7u;
            y[2] = tile[1][2];
        }";
    let job = Job::of_text(text, "main", [1, 1, 1], &[], [&[], &["y"]]).unwrap();
    let buffers = job.buffers(&[], &[vec![0; 4]]);
    let mut stepper = Stepper::new(job, buffers, 0, ([0; 3], 0), SUBGROUP).unwrap();
    let mut notes = Vec::new();
    for step in 1..=stepper.steps() {
        stepper.go_to(step);
        notes.extend(stepper.look().notes.iter().map(ToString::to_string));
    }
    let wanted = [
        "staged[3] becomes (1.0, 2.0, 3.0, 4.0)",
        "staged[3].y becomes 5.0",
        "staged[3].y is 5.0",
        "tile[1][2] becomes 5.0",
        "record.list[1].y becomes 7",
        "tile[1][2] is 5.0",
        "y[2] becomes 5.0",
    ];
    assert_eq!(notes, wanted);
}
