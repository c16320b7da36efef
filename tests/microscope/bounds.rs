//! What runs for long is cut off where it is asked to: each bound by itself, with the others out of the way.

use pawgrad::check::{Table, table};
use pawgrad::microscope::buffers::Buffer;
use pawgrad::microscope::counts::{Sample, count};
use pawgrad::microscope::finding::Kind;
use pawgrad::microscope::job::Job;
use pawgrad::microscope::lab::{self, trial};
use pawgrad::microscope::limits::Limits;
use pawgrad::microscope::proof::{Settings, estimate, prove, run_groups};
use pawgrad::microscope::view::owner;

const GROUPS: u32 = 8;

/// Groups of one thread, each with a cell of `y`: group 0 with the last.
fn job(statements: &str) -> (Job, Vec<Buffer>) {
    let text = format!(
        "@group(0) @binding(0) var<storage, read_write> y: array<u32>;
         @compute @workgroup_size(1)
         fn main(@builtin(workgroup_id) group: vec3<u32>) {{
            var i = 0u;
            {statements}
         }}"
    );
    let job = Job::of_text(&text, "main", [GROUPS, 1, 1], &[], [&[], &["y"]]).unwrap();
    let buffers = job.buffers(&[], &[vec![0; GROUPS as usize]]);
    (job, buffers)
}

/// The loop decides where the thread writes: nobody can leave it out. It takes some hundred thousand instructions.
const LOOP: &str = "while (i < 50000u) { i++; }\ny[49999u + 8u - i - group.x] = i;";

/// What comes of the loop where it is run: in a proof, counted, and to find out who wrote a cell.
fn outcomes(limits: Limits) -> [Result<(), String>; 4] {
    let (job, buffers) = job(LOOP);
    let settings = Settings { limits, ..Settings::default() };
    let proof = prove(&job, &buffers, settings).map_err(|why| why.to_string()).and_then(|report| {
        let first = report.findings.first();
        first.map_or(Ok(()), |finding| {
            assert_eq!(finding.kind, Kind::Endless, "{finding}");
            Err(finding.to_string())
        })
    });
    let counted = count(&job, buffers.clone(), 32, Sample::All, limits).map(|_| ());
    let all: Vec<_> = (0..u64::from(GROUPS)).collect();
    let run = run_groups(&job, &job.passes[0], &mut buffers.clone(), &all, 32, limits);
    let own = owner(&job, &buffers, ("y", GROUPS - 1), 32, limits).map(|own| assert_eq!(own.group, [0; 3]));
    let [counted, run, own] = [counted, run, own].map(|result| result.map_err(|why| why.to_string()));
    [proof, counted, run, own]
}

fn assert_cut(limits: Limits, words: &str) {
    let [proof, counted, run, own] = outcomes(limits);
    for (what, outcome) in [("proof", proof), ("counted", counted), ("run", run)] {
        assert!(outcome.as_ref().is_err_and(|why| why.contains(words)), "{what}, {limits:?}: {outcome:?}");
    }
    assert!(own.as_ref().is_err_and(|why| why.contains("no thread of main writes y[7]")), "{own:?}");
}

#[test]
fn a_thread_takes_no_more_instructions_than_it_may() {
    let limits = Limits { steps: 10_000, instructions: u64::MAX, original: None };
    assert_cut(limits, "more than 10,000 steps in this loop: perhaps no end");
    let (job, buffers) = job(LOOP);
    let settings = |steps| Settings { limits: Limits { steps, ..limits }, ..Settings::default() };
    assert!(estimate(&job, &buffers, settings(10_000)).is_ok_and(|effort| effort.all == u64::MAX));
    assert!(estimate(&job, &buffers, settings(u64::MAX)).is_ok_and(|effort| effort.all > 800_000));
}

#[test]
fn all_threads_take_no_more_instructions_than_they_may() {
    assert_cut(
        Limits { steps: u64::MAX, instructions: 800_000, original: None },
        "all threads together take more than 800,000 instructions",
    );
    for limits in [Limits::default(), Limits { steps: u64::MAX, instructions: u64::MAX, original: None }] {
        assert_eq!(outcomes(limits), [const { Ok(()) }; 4]);
    }
}

#[test]
fn a_grid_has_no_more_groups_than_are_run() {
    let text = "@compute @workgroup_size(1)\nfn main() { }";
    let job = Job::of_text(text, "main", [4097, 1024, 1], &[], [&[], &[]]).unwrap();
    let why = prove(&job, &[], Settings::default()).map(|_| ()).unwrap_err();
    assert!(why.what.contains("4195328 groups: too many"), "{why}");
}

/// Cutting a program down takes time and memory too. Whether it was is seen by what it takes to find who wrote a cell: a
/// loop that decides nothing is only run where nothing is cut.
#[test]
fn a_large_program_is_not_cut_down() {
    let is_cut = |registers: usize, statements: &str| {
        let (job, buffers) = job(&format!(
            "var large: array<u32, {registers}>;
            {statements}
            var j = 0u;
            while (j < 2000000u) {{ j++; }}
            y[7u - group.x] = j + large[0];"
        ));
        let limits = Limits { steps: u64::MAX, instructions: 4_000_000, original: None };
        owner(&job, &buffers, ("y", GROUPS - 1), 32, limits).is_ok()
    };
    // A block gives its registers back.
    let padding = |n: usize| "{i+=1u;}".repeat(n);
    assert!(is_cut(100, &padding(1000)) && is_cut(16_000, &padding(5000)));
    // A table of all registers for every instruction.
    assert!(!is_cut(16_000, &padding(80_000)));
    // Each round finds one more of these to be needed.
    let chain = |n: usize| {
        let declared: String = (0..=n).map(|k| format!("var x{k} = {k}u;\n")).collect();
        let moved: String = (0..n).map(|k| format!("x{k} = x{};\n", k + 1)).collect();
        format!("{declared}while (x0 < 9u) {{ {moved} x{n} += 1u; }}\ny[x0 - x0] = 1u;")
    };
    assert!(is_cut(16_000, &(chain(20) + &padding(9000))));
    assert!(!is_cut(16_000, &(chain(600) + &padding(9000))));
}

/// Lane 15 has loaded what lane 7 has, where there is a lane 15.
#[test]
fn a_text_that_is_right_in_large_subgroups_alone_runs_on_no_device() {
    let text = std::fs::read_to_string("shaders/dense.lanes.wgsl").unwrap();
    let edited = text.replace("subgroupBroadcast(rows, 7u)", "subgroupBroadcast(rows, 15u)");
    assert_ne!(edited, text);
    let watched = |text: &str| {
        let case = table(Table::Network { image_size: 16, batch: 2 });
        let case = case.into_iter().find(|case| case.call.name() == "dense.backward_x").unwrap();
        let trial = trial("dense.backward_x", "lanes", text, lab::Settings::default()).unwrap();
        assert!(trial.verdict.is_right(), "{:?}", trial.verdict);
        trial.watch(case, 32).map(|_| ())
    };
    assert!(watched(&text).is_ok(), "{:?}", watched(&text));
    let why = watched(&edited).unwrap_err().message;
    assert!(why.contains("in subgroups of 8 threads, which a device may have, it is not right"), "{why}");
}

/// Each case has a floor of its own, which small ones hardly use: all of them together have a bound too.
#[test]
fn all_cases_of_a_trial_together_take_no_more_than_they_may() {
    let text = std::fs::read_to_string("shaders/relu.wgsl").unwrap();
    let start = "    let i = flat_index(id, groups);\n    if (i >= p.len) { return; }\n";
    assert!(text.contains(start));
    let turns =
        "    var idle = 0u;\n    for (var turn = 0u; turn < 2000u; turn++) { idle += turn & p.len; }\n";
    // What decides the value is run.
    let long =
        text.replacen(start, &format!("{start}{turns}    if (idle == 4294967295u) {{ return; }}\n"), 1);
    let tried = |text: &str, work| {
        trial("relu.forward", "1_plain", text, lab::Settings { work, ..lab::Settings::default() })
            .unwrap()
            .verdict
    };
    assert!(tried(&text, 10_000).is_right() && tried(&long, 80_000_000).is_right());
    // Ten times what the original takes in the two cases that are tried at least.
    let words = "all trials together take more than 269,040 instructions, the original 26,904";
    let verdict = tried(&long, 10_000);
    assert!(matches!(&verdict, lab::Verdict::Refused { what, .. } if what.starts_with(words)), "{verdict:?}");
}
