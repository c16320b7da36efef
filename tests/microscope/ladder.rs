//! The table in docs/ladder.md of what each rung does. `UPDATE=1 cargo test --release --test microscope ladder` writes it.

use pawgrad::check::{self, Table};
use pawgrad::microscope::counts::{Sample, count};
use pawgrad::microscope::job::Job;
use pawgrad::microscope::lab::Totals;
use pawgrad::microscope::limits::Limits;
use rayon::prelude::*;

/// Kernels, each with the layer that it is counted for.
const KERNELS: [(&str, &str); 2] = [("dense.forward", "dense1"), ("conv2d_relu_pool.forward", "conv2")];

#[test]
fn the_ladder_shows_what_each_rung_does() {
    let cases = check::table(Table::Network { image_size: 64, batch: 8 });
    let mut rungs = Vec::new();
    for (kernel, layer) in KERNELS {
        let case = cases.iter().find(|case| case.call.name() == kernel && case.why == layer).unwrap();
        let sources = case.call.sources().into_iter().filter(|source| source.fits);
        rungs.extend(sources.map(|source| (kernel, layer, case, source.rung)));
    }
    let rows: Vec<_> = rungs
        .par_iter()
        .map(|(kernel, layer, case, rung)| {
            // Tensor cores are no part of what is interpreted.
            let Ok(job) = Job::new(&*case.call, rung, 32) else { return String::new() };
            let [inputs, outputs] = case.zeros();
            let buffers = job.buffers(&inputs, &outputs);
            row(
                kernel,
                layer,
                rung,
                &Totals::of(&count(&job, buffers, 32, Sample::Enough, Limits::default()).unwrap()),
            )
        })
        .collect();
    let head = "| kernel, layer | rung | multiply-adds | accesses of buffers | sectors | of workgroup memory, for a multiply-add | bank conflicts | active |\n|---|---|---|---|---|---|---|---|";
    let table = head.to_string() + &rows.concat();
    let (begin, end) = ("<!-- counts:begin -->\n", "\n<!-- counts:end -->");
    let text = std::fs::read_to_string("docs/ladder.md").unwrap();
    let (before, rest) = text.split_once(begin).unwrap();
    let (shown, after) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write("docs/ladder.md", format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        assert_eq!(shown, table, "run: UPDATE=1 cargo test --release --test microscope ladder");
    }
}

fn row(kernel: &str, layer: &str, rung: &str, totals: &Totals) -> String {
    let none = |is_there: bool, text: String| if is_there { text } else { "-".to_string() };
    format!(
        "\n| {kernel}, {layer} | {rung} | {} | {} | {} | {} | {} | {:.0} % |",
        short(totals.multiply_adds),
        short(totals.accesses),
        short(totals.sectors),
        none(totals.shared > 0.0, format!("{:.2}", totals.shared / totals.multiply_adds)),
        none(totals.shared > 0.0, format!("{:.2}x", totals.conflicts)),
        totals.active * 100.0
    )
}

/// In millions.
fn short(number: f64) -> String {
    format!("{:.*} M", if number < 100e6 { 2 } else { 0 }, number / 1e6)
}
