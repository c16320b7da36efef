//! Counts equal what one computes by hand.

use pawgrad::check::{self, Case, Table};
use pawgrad::microscope::counts::{Counts, Sample, count};
use pawgrad::microscope::job::Job;
use pawgrad::microscope::lab::{BATCH, Beside, IMAGE_SIZE, beside};
use pawgrad::microscope::limits::Limits;

fn dense(kernel: &str, rung: &str, sizes: [u32; 3]) -> Counts {
    let case = check::all().into_iter().find(|case| case.call.name() == kernel).unwrap();
    let mut words = case.call.words();
    words[..3].copy_from_slice(&sizes);
    let case: Case = (case.with_params)(&words);
    let job = Job::new(&*case.call, rung, 32).unwrap();
    let [inputs, outputs] = case.zeros();
    let buffers = job.buffers(&inputs, &outputs);
    count(&job, buffers, 32, Sample::All, Limits::default()).unwrap().remove(0)
}

/// batch 4, in_features 64, out_features 8: 512 elements, two groups of 256 threads, 16 subgroups, all of them full.
#[test]
fn plain_dense_where_sizes_divide() {
    let counts = dense("dense.backward_w", "1_plain", [4, 64, 8]);
    assert_eq!((counts.groups, counts.threads, counts.sampled), (2, 512, 512));
    // Each thread adds up four products, and nothing else in floats.
    assert_eq!((counts.multiply_adds, counts.floats), (512.0 * 4.0, 0.0));
    // Two loads for each.
    assert_eq!(counts.loads.accesses, 512.0 * 4.0 * 2.0);
    assert_eq!(counts.loads.instructions, 16.0 * 4.0 * 2.0);
    assert_eq!(counts.loads.bytes, 512.0 * 4.0 * 2.0 * 4.0);
    // A subgroup has one o: one sector of dy. It has 32 neighbours of x: four sectors.
    assert_eq!(counts.loads.sectors, 16.0 * 4.0 * (1.0 + 4.0));
    assert_eq!(counts.loads.least_sectors, counts.loads.sectors);
    assert_eq!((counts.stores.accesses, counts.stores.instructions), (512.0, 16.0));
    assert_eq!((counts.stores.bytes, counts.stores.sectors), (2048.0, 16.0 * 4.0));
    assert_eq!((counts.shared_loads.accesses, counts.barriers, counts.active), (0.0, 0.0, 1.0));
}

/// batch 3, in_features 50, out_features 2: 100 elements in one group: three full subgroups, and four threads of a fourth.
#[test]
fn plain_dense_with_a_rest() {
    let counts = dense("dense.backward_w", "1_plain", [3, 50, 2]);
    assert_eq!(counts.multiply_adds, 100.0 * 3.0);
    assert_eq!((counts.loads.accesses, counts.loads.instructions), (600.0, 4.0 * 3.0 * 2.0));
    // dy is 24 bytes: one sector each time. x[n * 50 + i], for n = 0, 1, 2:
    // i 0 to 31 begins at byte 0, 200, 400: 4, 5, 5 sectors;
    // i 32 to 49 and 0 to 13: 3 + 2, 3 + 2, 3 + 3;
    // i 14 to 45 begins at byte 56, 256, 456: 5, 4, 5;
    // i 46 to 49 begins at byte 184, 384, 584: 2, 1, 1.
    let of_x = [4 + 5 + 5, 5 + 5 + 6, 5 + 4 + 5, 2 + 1 + 1].iter().sum::<i32>();
    assert_eq!(counts.loads.sectors, f64::from(4 * 3 + of_x));
    // 128 bytes are four sectors, and 16 are one.
    assert_eq!(counts.loads.least_sectors, f64::from(4 * 3 + 3 * (4 + 4 + 4 + 1)));
    assert_eq!((counts.stores.accesses, counts.stores.sectors), (100.0, 4.0 + 4.0 + 4.0 + 1.0));
    assert!(counts.active < 1.0);
}

/// batch 32, in_features 32, out_features 16: two groups of 16 x 16 threads, two rounds of 16 terms.
#[test]
fn shared_dense_where_sizes_divide() {
    let counts = dense("dense.backward_w", "2_shared", [32, 32, 16]);
    assert_eq!((counts.groups, counts.threads), (2, 512));
    assert_eq!(counts.multiply_adds, 512.0 * 32.0);
    // The sum of each round is added to the sum.
    assert_eq!(counts.floats, 512.0 * 2.0);
    assert_eq!(counts.loads.accesses, 512.0 * 2.0 * 2.0);
    // Two rows of 16 neighbours: 64 bytes each, from dy and from x.
    assert_eq!(counts.loads.sectors, 16.0 * 2.0 * (4.0 + 4.0));
    assert_eq!(counts.stores.sectors, 16.0 * 4.0);
    // Two rounds with two barriers in two groups.
    assert_eq!(counts.barriers, 8.0);
    let (loads, stores) = (counts.shared_loads, counts.shared_stores);
    // Two loads for each term.
    assert_eq!(loads.accesses, 512.0 * 32.0 * 2.0);
    assert_eq!(loads.accesses / counts.multiply_adds, 2.0);
    // A subgroup reads two words of the rows, and 16 of the columns: no two in one bank.
    assert_eq!((loads.turns, loads.conflict()), (loads.instructions, 1.0));
    assert_eq!(stores.accesses, 512.0 * 2.0 * 2.0);
    // Rows of 16 words begin 17 words apart: the first of one row and the last of the next share a bank.
    assert_eq!((stores.instructions, stores.turns), (16.0 * 2.0 * 2.0, 16.0 * 2.0 * 2.0 * 2.0));
    assert_eq!(counts.active, 1.0);
}

/// batch 20, in_features 20, out_features 5: a tile with rests on all sides.
#[test]
fn shared_dense_with_rests() {
    let counts = dense("dense.backward_w", "2_shared", [20, 20, 5]);
    // All threads multiply, whether or not there is anything.
    assert_eq!(counts.multiply_adds, 512.0 * 32.0);
    // dy: 20 rows of 5 in both groups. x: 20 rows of 16 in the first group, of 4 in the second.
    assert_eq!(counts.loads.accesses, f64::from(2 * 20 * 5 + 20 * 16 + 20 * 4));
    assert_eq!(counts.stores.accesses, 5.0 * 20.0);
    assert_eq!(counts.barriers, 8.0);
    assert!(counts.active < 1.0);
}

/// A group of 32 x 8 threads writes a tile by columns and reads it by rows.
fn tile(pitch: u32) -> Counts {
    let text = format!(
        "var<workgroup> tile: array<f32, {}>;
        @group(0) @binding(0) var<storage, read_write> y: array<f32>;
        @compute @workgroup_size(32, 8)
        fn main(@builtin(local_invocation_id) own: vec3<u32>) {{
            for (var row = own.y; row < 32u; row += 8u) {{ tile[own.x * {pitch}u + row] = f32(row); }}
            workgroupBarrier();
            for (var row = own.y; row < 32u; row += 8u) {{ y[row * 32u + own.x] = tile[row * {pitch}u + own.x]; }}
        }}",
        32 * pitch
    );
    let job = Job::of_text(&text, "main", [1, 1, 1], &[], [&[], &["y"]]).unwrap();
    count(&job, job.buffers(&[], &[vec![0; 1024]]), 32, Sample::All, Limits::default()).unwrap().remove(0)
}

#[test]
fn a_pitch_of_32_puts_a_column_into_one_bank_and_33_does_not() {
    let (strided, padded) = (tile(32), tile(33));
    // 32 rows, each by one subgroup.
    for counts in [&strided, &padded] {
        assert_eq!((counts.shared_stores.instructions, counts.shared_loads.instructions), (32.0, 32.0));
        assert_eq!(counts.shared_loads.turns, 32.0);
    }
    // With 32 words from one to the next, all 32 threads want the same bank.
    assert_eq!((strided.shared_stores.turns, strided.shared_stores.conflict()), (1024.0, 32.0));
    assert_eq!((padded.shared_stores.turns, padded.shared_stores.conflict()), (32.0, 1.0));
}

/// Three of four subgroups add to one cell of workgroup memory, and each thread to a cell of its own in storage.
#[test]
fn atomics_on_one_cell_are_served_one_by_one() {
    let text = "var<workgroup> sum: atomic<u32>;
        @group(0) @binding(0) var<storage, read_write> y: array<atomic<u32>>;
        @compute @workgroup_size(128)
        fn main(@builtin(local_invocation_index) t: u32) {
            if (t < 96u) { atomicAdd(&sum, t); }
            atomicAdd(&y[t], 1u);
        }";
    let job = Job::of_text(text, "main", [1, 1, 1], &[], [&[], &["y"]]).unwrap();
    let counts =
        count(&job, job.buffers(&[], &[vec![0; 128]]), 32, Sample::All, Limits::default()).unwrap().remove(0);
    assert_eq!((counts.shared_loads.turns, counts.shared_loads.least_turns), (96.0, 3.0));
    assert_eq!((counts.shared_loads.accesses, counts.shared_stores.accesses), (96.0, 96.0));
    // Four bytes a thread, 8 threads a sector: read, and written.
    assert_eq!((counts.loads.sectors, counts.stores.sectors), (16.0, 16.0));
}

/// What a group of 64 threads does in two subgroups with `x` and `y` of numbers of this type.
fn of_body(number: &str, body: &str) -> Counts {
    let enable = if number == "f16" { "enable f16;" } else { "" };
    let text = format!(
        "{enable}
        alias T = {number};
        @group(0) @binding(0) var<storage, read> x: array<T>;
        @group(0) @binding(1) var<storage, read_write> y: array<T>;
        @compute @workgroup_size(64)
        fn main(@builtin(local_invocation_index) t: u32) {{ {body} }}"
    );
    let job = Job::of_text(&text, "main", [1, 1, 1], &[], [&["x"], &["y"]]).unwrap();
    let buffers = job.buffers(&[vec![0; 64]], &[vec![0; 64]]);
    count(&job, buffers, 32, Sample::All, Limits::default()).unwrap().remove(0)
}

/// Copies and addresses are none: a load, an add, a store and the end, in two subgroups.
#[test]
fn instructions_are_those_of_a_gpu() {
    let one = of_body("f32", "var v = x[t]; v = v + 1.0; y[t] = v;");
    assert_eq!((one.instructions, one.active), (8.0, 1.0));
    // The sum is a value of its own, and is copied to the variable.
    let copied = of_body("f32", "var v = x[t]; let sum = v + 1.0; v = sum; y[t] = sum;");
    assert_eq!(Counts { effort: one.effort, ..copied }, one);
    // Both ways of a choice that is none lead to what follows.
    let chosen = of_body("f32", "var v = x[t]; if (v < 1.0) { } v = v + 1.0; y[t] = v;");
    assert_eq!((chosen.instructions, chosen.floats), (10.0, one.floats + 64.0));
}

#[test]
fn halves_take_as_many_instructions_as_floats() {
    let body = "var sum = T(0.5); var v = vec2(x[t], T(2.0));
        for (var k = 0u; k < 5u; k++) {
            sum = sum + x[t] * v.y; v = v * sum; if (t % 4u == 0u) { sum = max(sum, v.x) - dot(v, v); }
        }
        y[t] = fma(sum, T(2.0), -v.x);";
    let [floats, halves] = ["f32", "f16"].map(|number| of_body(number, body));
    let of = |counts: &Counts| {
        let Counts { instructions, active, multiply_adds, floats, integers, .. } = counts;
        [*instructions, *active, *multiply_adds, *floats, *integers]
    };
    assert!(floats.active < 1.0);
    assert_eq!(of(&halves), of(&floats));
}

/// Threads beside each other own channels beside each other, not positions: the arithmetic is the same, and a sampled group
/// lies elsewhere. By hand, a window of 3x3 with padding has 3 * size - 2 rows in all, and as many columns.
#[test]
fn a_sample_does_not_see_the_same_place_of_every_picture() {
    let original = std::fs::read_to_string("shaders/conv2d.wgsl").unwrap();
    let by_position = "    let n = element / (p.out_channels * p.out_h * p.out_w);
    let co = element / (p.out_h * p.out_w) % p.out_channels;
    let oh = element / p.out_w % p.out_h;
    let ow = element % p.out_w;
";
    let by_channel = "    let co = element % p.out_channels;
    let ow = element / p.out_channels % p.out_w;
    let oh = element / (p.out_channels * p.out_w) % p.out_h;
    let n = element / (p.out_channels * p.out_h * p.out_w);
";
    let store = "    y[element] = sum + b[co];";
    assert!(original.contains(by_position) && original.contains(store));
    let text = original.replacen(by_position, by_channel, 1).replacen(
        store,
        "    y[((n * p.out_channels + co) * p.out_h + oh) * p.out_w + ow] = sum + b[co];",
        1,
    );
    let cases = check::table(Table::Network { image_size: IMAGE_SIZE, batch: BATCH });
    for (layer, [inputs, outputs, size]) in
        [("conv1", [1, 64, 64]), ("conv2", [64, 128, 32]), ("conv3", [128, 256, 16])]
    {
        let is_it = |case: &&Case| case.call.name() == "conv2d.forward" && case.why == layer;
        let case = cases.iter().find(is_it).unwrap();
        let Beside { edited, original, notes } = beside(case, "1_plain", &text, 32).unwrap();
        let by_hand = f64::from(8 * inputs * outputs * (3 * size - 2) * (3 * size - 2));
        for (who, totals) in [("the original", original), ("the text", edited)] {
            let share = totals.multiply_adds / by_hand;
            assert!((share - 1.0).abs() < 0.02, "{layer}, {who}: {share} of what it is by hand");
            assert!(
                totals.sampled < totals.threads && totals.error > 0.0 && totals.error < 0.03,
                "{totals:?}"
            );
        }
        let share = edited.multiply_adds / original.multiply_adds;
        assert!((share - 1.0).abs() < 0.02, "{layer}: {share}");
        assert_eq!(edited.sampled, original.sampled);
        let [note] = notes.as_slice() else { panic!("{notes:?}") };
        assert!(note.starts_with("counted in ") && note.contains("and scaled: give or take "), "{note}");
    }
}

#[test]
fn what_is_odd_in_counts_is_said() {
    let case = check::all().into_iter().find(|case| case.call.name() == "dense.forward").unwrap();
    let text = std::fs::read_to_string("shaders/dense.2_shared.wgsl").unwrap();
    let notes = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        beside(&case, "2_shared", &text.replacen(from, to, 1), 32).unwrap().notes
    };
    assert_eq!(notes("", ""), [""; 0]);
    // A large grid, of which few parts are worth their time: that these are alike says nothing of the others.
    let cases = check::table(Table::Network { image_size: IMAGE_SIZE, batch: BATCH });
    let large = cases.iter().find(|case| case.call.name() == "dense.backward_x").unwrap();
    let said = beside(large, "2_shared", &text, 32).unwrap().notes;
    assert!(
        said[0].starts_with("counted in ") && said[0].contains("how well is not known, from 2"),
        "{said:?}"
    );
    assert!(!said[0].contains("alike"), "{said:?}");
    let twice = notes(
        "        sum += staged_sum(own.y, own.x);",
        "        sum += staged_sum(own.y, own.x);\n        sum += 0.0 * staged_sum(own.y, own.x);",
    );
    assert!(twice[0].starts_with("the multiply-adds differ, though the values are right"), "{twice:?}");
    let large = notes("array<f32, TILE * PITCH>;", "array<f32, 2u * 2048u>;");
    assert!(
        large[0].contains("256 threads and 17,472 bytes") && large[0].contains("promises 256 and 16,384"),
        "{large:?}"
    );
}

/// What a turn of a loop takes, as docs/ladder.md lists it: of two texts, one turns once more.
#[test]
fn a_turn_of_a_loop_is_counted_as_the_ladder_lists_it() {
    let shader = std::fs::read_to_string("shaders/dense.2_shared.wgsl").unwrap();
    let (_, rest) = shader.split_once("fn staged_sum").unwrap();
    let staged_sum = &rest[..rest.find("\n}").unwrap()];
    let of = |turns: u32| {
        let text = format!(
            "const PITCH = 17u;
            const TILE = {turns}u;
            var<workgroup> staged_rows: array<f32, 272>;
            var<workgroup> staged_columns: array<f32, 272>;
            @group(0) @binding(0) var<storage, read_write> y: array<f32>;
            fn staged_sum{staged_sum}
            }}
            @compute @workgroup_size(16, 16)
            fn main(@builtin(local_invocation_id) own: vec3<u32>) {{ y[own.y * 16u + own.x] = staged_sum(own.y, own.x); }}"
        );
        let job = Job::of_text(&text, "main", [1, 1, 1], &[], [&[], &["y"]]).unwrap();
        count(&job, job.buffers(&[], &[vec![0; 256]]), 32, Sample::All, Limits::default()).unwrap().remove(0)
    };
    let (four, five) = (of(4), of(5));
    let per_subgroup = (five.instructions - four.instructions) / 8.0;
    let ladder = std::fs::read_to_string("docs/ladder.md").unwrap();
    assert!(
        ladder.contains(&format!("A turn of the loop in `staged_sum` has {per_subgroup}:")),
        "{per_subgroup}"
    );
    let per_thread = |get: fn(&Counts) -> f64| (get(&five) - get(&four)) / 256.0;
    // Two multiplications and two additions of the places, the comparison and the step; two loads; one multiply-add.
    assert_eq!(per_thread(|counts| counts.integers), 6.0);
    assert_eq!(per_thread(|counts| counts.shared_loads.accesses), 2.0);
    assert_eq!((per_thread(|counts| counts.multiply_adds), per_thread(|counts| counts.floats)), (1.0, 0.0));
    assert_eq!(per_subgroup, 6.0 + 2.0 + 2.0 + 3.0, "and three jumps");
}

/// Where the head of a plain shader says how many values a thread reads, the microscope counts as many.
#[test]
fn heads_say_what_is_read() {
    for (kernel, file) in [
        ("relu.forward", "relu"),
        ("relu.backward_x", "relu"),
        ("sigmoid.forward", "sigmoid"),
        ("sigmoid.backward_x", "sigmoid"),
    ] {
        let text = std::fs::read_to_string(format!("shaders/{file}.wgsl")).unwrap();
        let (_, reads) = text.split_once("// Reads ").unwrap();
        let reads = reads.lines().next().unwrap();
        let entry = kernel.split_once('.').unwrap().1;
        let number = reads.split_once(entry).unwrap().1.trim_start();
        let number: f64 = number[..number.find([',', ';']).unwrap()].parse().unwrap();
        let case = check::all().into_iter().find(|case| case.call.name() == kernel).unwrap();
        let job = Job::new(&*case.call, "1_plain", 32).unwrap();
        let [inputs, outputs] = case.zeros();
        let buffers = job.buffers(&inputs, &outputs);
        let counts = count(&job, buffers, 32, Sample::All, Limits::default()).unwrap().remove(0);
        assert_eq!(counts.loads.accesses / counts.stores.accesses, number, "{kernel}");
    }
}
