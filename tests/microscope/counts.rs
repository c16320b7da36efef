//! Counts equal what one computes by hand.

use pawgrad::check::{self, Case};
use pawgrad::microscope::counts::{Counts, count};
use pawgrad::microscope::job::Job;
use pawgrad::microscope::limits::Limits;

fn dense(kernel: &str, rung: &str, sizes: [u32; 3]) -> Counts {
    let case = check::all().into_iter().find(|case| case.call.name() == kernel).unwrap();
    let mut words = case.call.words();
    words[..3].copy_from_slice(&sizes);
    let case: Case = (case.with_params)(&words);
    let job = Job::new(&*case.call, rung, 32).unwrap();
    let [inputs, outputs] = case.zeros();
    let buffers = job.buffers(&inputs, &outputs);
    count(&job, buffers, 32, u64::MAX, Limits::default()).unwrap().remove(0)
}

/// batch 4, in_features 64, out_features 8: 512 elements, two groups of 256 threads, 16 subgroups, all of them full.
#[test]
fn plain_dense_where_sizes_divide() {
    let counts = dense("dense.backward_w", "1_plain", [4, 64, 8]);
    assert_eq!((counts.groups, counts.threads, counts.sampled), (2, 512, 2));
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
    count(&job, job.buffers(&[], &[vec![0; 1024]]), 32, u64::MAX, Limits::default()).unwrap().remove(0)
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
        count(&job, job.buffers(&[], &[vec![0; 128]]), 32, u64::MAX, Limits::default()).unwrap().remove(0);
    assert_eq!((counts.shared_loads.turns, counts.shared_loads.least_turns), (96.0, 3.0));
    assert_eq!((counts.shared_loads.accesses, counts.shared_stores.accesses), (96.0, 96.0));
    // Four bytes a thread, 8 threads a sector: read, and written.
    assert_eq!((counts.loads.sectors, counts.stores.sectors), (16.0, 16.0));
}
