//! Registers and spills of every rung, as a real compiler for GPUs counts them without a GPU: benches/registers.

#[allow(dead_code)] // it prints tables too
#[path = "../benches/registers/mod.rs"]
mod registers;

use registers::hottest::{Hottest, hottest};
use registers::measure::{self, Failure, Measured};
use registers::report::{Counts, DOCS, Report, Row, check, same_driver, split_docs};
use std::io::Write;
use std::sync::OnceLock;

/// Starts the test below as a program of its own.
const ITSELF: [&str; 4] = ["in_a_process_of_its_own", "--exact", "--ignored", "--nocapture"];

#[test]
#[ignore = "no test, but what the others start once for each family of GPUs"]
fn in_a_process_of_its_own() {
    measure::in_a_process_of_its_own();
}

/// Nothing where the environment says that this machine has no such driver. Without that word a missing driver fails the
/// tests: a skip would look green.
fn measured() -> Option<&'static Measured> {
    if std::env::var_os("PAWGRAD_WITHOUT_RADV").is_some() {
        say("NOT RUN: registers and spills of the rungs, as PAWGRAD_WITHOUT_RADV is set.");
        return None;
    }
    static MEASURED: OnceLock<Measured> = OnceLock::new();
    let measure = || match measure::measure(&ITSELF, None) {
        Ok(measured) => measured,
        Err(Failure::Failed(why)) => panic!("{why}"),
        Err(Failure::NoDriver(why)) => panic!(
            "these tests need Mesa's RADV, which compiles for GPUs that are not there up to version 25 (tests/run \
             installs it; Debian: mesa-vulkan-drivers). Where there is none, set PAWGRAD_WITHOUT_RADV=1: {why}"
        ),
    };
    Some(MEASURED.get_or_init(measure))
}

/// Says it past what catches the output of tests that pass.
fn say(what: &str) {
    std::io::stderr().write_all(format!("\n{what}\n").as_bytes()).unwrap();
}

#[test]
fn no_default_spills_and_nothing_is_worse_than_it_was_stored() {
    let Some(Measured { report, .. }) = measured() else { return };
    let stored = Report::stored().unwrap();
    check(&stored, report).unwrap_or_else(|why| panic!("{why}"));
    if !same_driver(&stored, report) {
        say(&format!(
            "NOT COMPARED: counts of registers, which are stored for {}; this is {}. Spills of defaults were looked for.",
            stored.driver, report.driver
        ));
    }
}

#[test]
fn a_planted_spill_is_found() {
    let Some(Measured { report, planted }) = measured() else { return };
    assert!(!planted.is_empty());
    for row in planted {
        assert!(row.counts.as_ref().unwrap().spills(), "{} does not see it: {row:?}", report.driver);
        let report = |row: &Row| Report { driver: report.driver.clone(), rows: vec![row.clone()] };
        // Though it is stored just so, with this driver or another.
        let now = report(row);
        for stored in [&now, &Report { driver: "another".to_string(), ..now.clone() }] {
            let why = check(stored, &now).unwrap_err();
            let found =
                format!("planted.spill, rung planted, pass spill, compiled for \"any\" on {}", row.family);
            assert!(why.starts_with(&format!("{found}: a default rung spills: ")), "{why}");
        }
        // A rung that somebody has to ask for may spill.
        let asked_for = report(&Row { default: false, ..row.clone() });
        assert_eq!(check(&asked_for, &asked_for), Ok(()));
    }
}

#[test]
fn what_is_worse_is_named_with_before_and_after() {
    let counts = Counts {
        subgroup: 64,
        vgprs: 128,
        sgprs: 128,
        spilled_vgprs: 0,
        spilled_sgprs: 0,
        scratch: 0,
        workgroup: 15360,
        waves: 8,
        code: 9948,
        multiply_adds: 576,
        vector: 774,
    };
    let row = |counts: &Counts| {
        let [family, kernel, rung, pass, size] =
            ["RDNA 2", "op.forward", "3_three", "first", "conv2"].map(String::from);
        Row { family, kernel, rung, pass, size, default: false, counts: Some(counts.clone()) }
    };
    let report = |rows: &[Row]| Report { driver: "Mesa 1".to_string(), rows: rows.to_vec() };
    let before = report(&[row(&counts)]);
    let name = "op.forward, rung 3_three, pass first, compiled for \"conv2\" on RDNA 2: ";

    let spilled = Counts { spilled_vgprs: 3, scratch: 1024, ..counts.clone() };
    let full = Counts { waves: 6, vgprs: 136, ..counts.clone() };
    let diluted = Counts { vector: 796, ..counts.clone() };
    for (after, wanted) in [
        (
            &spilled,
            "it had 0 vector and 0 scalar registers spilled, 0 bytes of scratch, now 3 vector and 0 scalar \
             registers spilled, 1024 bytes of scratch",
        ),
        (&full, "8 waves fitted a SIMD unit, now 6 fit (vector registers: 128, now 136;"),
        (&diluted, "of its hottest loop 74.4 % were multiply-adds (576 of 774), now 72.4 % (576 of 796)"),
    ] {
        let after = report(&[row(after)]);
        let why = check(&before, &after).unwrap_err();
        assert!(why.contains(&format!("{name}{wanted}")) && why.contains("--update"), "{why}");
        assert_eq!(check(&after, &before), Ok(()), "it got better");
        let other = Report { driver: "Mesa 2".to_string(), ..after };
        assert_eq!(check(&before, &other), Ok(()), "counts of another driver say nothing");
    }
    // More registers as such, or a few instructions, are no loss.
    let slightly = Counts { vgprs: 132, vector: 790, ..counts.clone() };
    assert_eq!(check(&before, &report(&[row(&slightly)])), Ok(()));

    let none = report(&[]);
    let why = check(&before, &none).unwrap_err();
    assert!(why.contains(&format!("{name}is stored, but there is no such pass any more")), "{why}");
    let why = check(&none, &before).unwrap_err();
    assert!(why.contains(&format!("{name}is new, and not stored")), "{why}");
}

#[test]
fn the_stored_counts_are_as_they_are_written() {
    let text = std::fs::read_to_string(Report::path()).unwrap();
    assert!(Report::stored().unwrap().to_json() == text, "{} was edited by hand", Report::path().display());
}

#[test]
fn the_loop_that_multiplies_most_is_counted_without_the_loops_in_it() {
    // A loop around one that stages and one that multiplies; outside two more multiply-adds, and one of addresses.
    let text = "BB0:
        v_mad_u32_u24 v0, v1, v2, v3        ; 00
        v_fma_f32 v0, v1, v2, v3            ; 00
        v_fma_f32 v4, v1, v2, v3            ; 00
        BB1:
        s_cbranch_scc1 BB9                  ; 00
        BB2:
        buffer_load_dword v0, v1, s[0:3], 0 ; 00
        ds_write_b32 v0, v1                 ; 00
        s_cbranch_scc0 BB2                  ; 00
        BB4:
        s_cbranch_execz BB6                 ; 00
        ds_read2_b32 v[0:1], v2             ; 00
        v_fmac_f32_e32 v0, v1, v2           ; 00
        v_mac_f32_e32 v0, v1, v2            ; 00
        v_dual_fmac_f32 v0, v1, v2 :: v_dual_mul_f32 v3, v4, v5 ; 00
        s_add_u32 s0, s0, 1                 ; 00
        s_cbranch_scc1 BB4                  ; 00
        s_branch BB4                        ; 00
        BB6:
        v_pk_fma_f16 v0, v1, v2, v3         ; 00
        v_add_f32_e32 v0, v1, v2            ; 00
        s_branch BB1                        ; 00
        BB9:
        s_endpgm                            ; 00";
    assert_eq!(hottest(text), Some(Hottest { multiply_adds: 3, vector: 5 }));
    let unrolled = text.replace("s_branch", "s_nop").replace("s_cbranch_scc", "s_nop");
    assert_eq!(hottest(&unrolled), Some(Hottest { multiply_adds: 6, vector: 12 }), "no loop at all");
    assert_eq!(hottest("v_add_f32_e32 v0, v1, v2"), None);
}

#[test]
fn the_table_in_the_docs_is_the_stored_one() {
    let text = std::fs::read_to_string(DOCS).unwrap();
    let (_, shown, _) = split_docs(&text).unwrap();
    assert_eq!(shown, Report::stored().unwrap().markdown(), "run: cargo bench --bench registers -- --update");
}
