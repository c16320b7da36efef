//! What runs for long is cut off where it is asked to: each bound by itself, with the others out of the way.

use pawgrad::check::{Table, table};
use pawgrad::microscope::buffers::Buffer;
use pawgrad::microscope::counts::{Sample, count};
use pawgrad::microscope::finding::Kind;
use pawgrad::microscope::job::Job;
use pawgrad::microscope::lab::{self, trial};
use pawgrad::microscope::limits::{Effort, Limits};
use pawgrad::microscope::proof::{Settings, estimate, prove, run_groups};
use pawgrad::microscope::view::{Stepper, owner};

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

/// What a group takes whose only thread does this.
fn effort(statements: &str) -> Effort {
    let (job, buffers) = job(statements);
    estimate(&job, &buffers, Settings::default()).unwrap()
}

/// To fill and to move an array takes as long as many instructions on numbers.
#[test]
fn many_words_are_many_steps() {
    let array = |n: u32, more: &str| {
        let text =
            format!("var large: array<u32, {n}>; var other = large;\n{more}\ny[7u - group.x] = large[i];");
        effort(&text).longest
    };
    let (small, large) = (array(16, ""), array(8016, ""));
    // Two arrays of 8,000 words more: when the thread begins, where they are declared, and where one is copied.
    let more = (large - small) / 500;
    assert!((4..=6).contains(&more), "{small} and {large}: {more} times 8,000 words, 16 a step");
    let turns = "while (i < 10u) { large = other; i++; }";
    let (small, large) = (array(16, turns) - small, array(8016, turns) - large);
    assert_eq!(large - small, 10 * 500);
}

/// Where a subgroup is run by itself, no other thread of its group begins.
#[test]
fn only_the_threads_that_run_are_paid_for() {
    let text = "@group(0) @binding(0) var<storage, read_write> y: array<u32>;
        @compute @workgroup_size(256)
        fn main(@builtin(global_invocation_id) id: vec3<u32>) { var a: array<u32, 500>; a[id.x % 2u] = 1u; y[id.x] = a[0]; }";
    let job = Job::of_text(text, "main", [1000, 1, 1], &[], [&[], &["y"]]).unwrap();
    let buffers = job.buffers(&[], &[vec![0; 256_000]]);
    let counts = count(&job, buffers, 8, Sample::Enough, Limits::default()).unwrap().remove(0);
    assert!(counts.sampled < counts.threads && counts.sampled == 8 * counts.units, "{counts:?}");
    assert!(counts.effort.longest > 500 / 16);
    assert_eq!(counts.effort.all, counts.sampled * counts.effort.longest);
}

/// One thread of 256 works, the others wait: it may take what all may, and no more.
#[test]
fn one_thread_may_take_what_all_may() {
    let text = "@group(0) @binding(0) var<storage, read_write> y: array<u32>;
        @compute @workgroup_size(256)
        fn main(@builtin(local_invocation_index) own: u32) {
            var i = 0u;
            if (own == 77u) { while (i < 50000u) { i++; } }
            y[own] = i;
        }";
    let job = Job::of_text(text, "main", [1, 1, 1], &[], [&[], &["y"]]).unwrap();
    let buffers = job.buffers(&[], &[vec![0; 256]]);
    let Effort { longest, all } = estimate(&job, &buffers, Settings::default()).unwrap();
    assert!(longest > 200_000 && all < longest + 20_000, "{longest} of {all}");
    let proof = |limits| {
        let report = prove(&job, &buffers, Settings { limits, ..Settings::default() });
        report.map_err(|why| why.to_string()).map(|report| report.findings.first().map(ToString::to_string))
    };
    let counted = |limits| {
        let counts = count(&job, buffers.clone(), 32, Sample::All, limits);
        counts.map_err(|why| why.to_string()).map(|_| None)
    };
    let enough = Limits { steps: longest, instructions: all, original: None };
    assert_eq!([proof(enough), counted(enough)], [const { Ok(None) }; 2]);
    let of_all = Limits { instructions: all - 1, ..enough };
    for outcome in [proof(of_all), counted(of_all)] {
        assert!(
            outcome.as_ref().is_err_and(|why| why.contains("all threads together take more than ")),
            "{outcome:?}"
        );
    }
    // What comes first is named.
    let of_one = Limits { steps: 100_000, ..of_all };
    let words = "line 5: a thread took more than 100,000 steps in this loop";
    assert!(proof(of_one).unwrap().unwrap().contains(words), "{:?}", proof(of_one));
    assert!(counted(of_one).unwrap_err().contains("a thread took more than "), "{:?}", counted(of_one));
}

/// So many times what the original takes: one thread, and all together.
#[test]
fn what_another_text_may_take_follows_from_the_original() {
    let (job, buffers) = job(LOOP);
    let Effort { longest, all } = estimate(&job, &buffers, Settings::default()).unwrap();
    let least = Limits { steps: 1, instructions: 1, original: None };
    let proof = |original| {
        let settings = Settings { limits: least.beside(original), ..Settings::default() };
        let report = prove(&job, &buffers, settings).map_err(|why| why.to_string())?;
        report.findings.first().map_or(Ok(()), |finding| Err(finding.to_string()))
    };
    let enough = Effort { longest: longest.div_ceil(50), all: all.div_ceil(10) };
    assert_eq!(proof(enough), Ok(()));
    let of_one = proof(Effort { longest: enough.longest - 1, ..enough }).unwrap_err();
    assert!(of_one.contains("steps in this loop, the original at most "), "{of_one}");
    let of_all = proof(Effort { all: enough.all - 1, ..enough }).unwrap_err();
    assert!(of_all.contains("instructions, the original "), "{of_all}");
    let page = std::fs::read_to_string("docs/exercises/README.md").unwrap().replace('\n', " ");
    assert!(page.contains("A thread that takes 50 times as many steps as the original's longest"));
}

/// Subgroups of WGSL have 4 to 128 threads, a power of two. Of these any will do.
#[test]
fn subgroups_have_sizes_that_there_are() {
    let (job, buffers) = job("y[7u - group.x] = i;");
    let outcomes = |subgroup| {
        let settings = Settings { subgroup, ..Settings::default() };
        let counted = count(&job, buffers.clone(), subgroup, Sample::Enough, Limits::default());
        let run = run_groups(&job, &job.passes[0], &mut buffers.clone(), &[0], subgroup, Limits::default());
        let own = owner(&job, &buffers, ("y", 0), subgroup, Limits::default());
        let tried = lab::Settings { subgroup, ..lab::Settings::default() };
        let text = std::fs::read_to_string("shaders/dense.lanes.wgsl").unwrap();
        [
            prove(&job, &buffers, settings).map(|_| ()),
            estimate(&job, &buffers, settings).map(|_| ()),
            counted.map(|_| ()),
            run,
            own.map(|_| ()),
            trial("dense.backward_x", "lanes", &text, tried).map(|trial| assert!(trial.verdict.is_right())),
        ]
    };
    for size in [8, 16, 64, 128] {
        assert_eq!(outcomes(size), [const { Ok(()) }; 6], "{size}");
    }
    for size in [0, 1, 2, 12, 48, 256] {
        let words = format!("subgroups have 4, 8, 16, 32, 64 or 128 threads, not {size}");
        for outcome in outcomes(size) {
            assert_eq!(outcome.map_err(|why| why.to_string()), Err(words.clone()));
        }
        let (job, buffers) = self::job("y[7u - group.x] = i;");
        assert!(Stepper::new(job, buffers, 0, ([0; 3], 0), size).is_err_and(|why| why.what == words));
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

/// What runs before a device does is bounded by the original, and the original by itself.
#[test]
fn where_the_original_takes_long_no_device_runs_a_text() {
    let text = std::fs::read_to_string("shaders/conv2d.wgsl").unwrap();
    let watched = |image_size| {
        let case = table(Table::Network { image_size, batch: 8 });
        let case = case.into_iter().find(|case| case.call.name() == "conv2d.backward_w").unwrap();
        let trial = trial("conv2d.backward_w", "1_plain", &text, lab::Settings::default()).unwrap();
        trial.watch(case, 32).map(|_| ()).map_err(|why| why.message)
    };
    assert_eq!(watched(16), Ok(()));
    let words = "at this size no device runs it: 4 groups of each pass run in the microscope before, and in these the \
                 original itself takes more than 268,435,456 instructions: smaller pictures take less";
    assert_eq!(watched(256), Err(words.to_string()));
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
    let words = "all trials together take more than 292,080 instructions, the original 29,208";
    let verdict = tried(&long, 10_000);
    assert!(matches!(&verdict, lab::Verdict::Refused { what, .. } if what.starts_with(words)), "{verdict:?}");
}
