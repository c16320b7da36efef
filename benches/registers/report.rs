//! What was counted: as a table, as the stored file, and compared with it.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

/// How much the share of multiply-adds may fall: a few instructions more in a small loop are no loss yet.
const SHARE_MARGIN: f64 = 0.02;

/// What one version of the driver makes of everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `Mesa 22.3.6`.
    pub driver: String,
    pub rows: Vec<Row>,
}

/// One pass of a rung, for one family of GPUs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub family: String,
    pub kernel: String,
    pub rung: String,
    pub pass: String,
    /// The first case that it is compiled for.
    pub size: String,
    /// Whether such a GPU takes the rung for some case unless another is asked for.
    pub default: bool,
    /// Nothing where this driver cannot compile it: it has no tensor cores.
    pub counts: Option<Counts>,
}

/// What the driver says of a compiled pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Threads that run in step.
    pub subgroup: u64,
    /// Vector registers of a thread.
    pub vgprs: u64,
    /// Scalar registers of a subgroup.
    pub sgprs: u64,
    pub spilled_vgprs: u64,
    pub spilled_sgprs: u64,
    /// Bytes of memory where registers were wanted, for a subgroup.
    pub scratch: u64,
    /// Bytes of workgroup memory.
    pub workgroup: u64,
    /// Subgroups that a SIMD unit holds at a time, as the driver counts them: on RDNA one of 64 threads counts twice.
    pub waves: u64,
    /// Bytes of code.
    pub code: u64,
    /// In the hottest loop; see `hottest`.
    pub multiply_adds: u32,
    pub vector: u32,
}

impl Counts {
    pub fn spills(&self) -> bool {
        self.spilled_vgprs + self.spilled_sgprs + self.scratch > 0
    }

    /// The part of the hottest loop that multiplies and adds.
    pub fn share(&self) -> Option<f64> {
        (self.multiply_adds > 0).then(|| f64::from(self.multiply_adds) / f64::from(self.vector))
    }

    fn spilled(&self) -> String {
        let Counts { spilled_vgprs, spilled_sgprs, scratch, .. } = self;
        format!(
            "{spilled_vgprs} vector and {spilled_sgprs} scalar registers spilled, {scratch} bytes of scratch"
        )
    }
}

impl Row {
    /// What it is known by, and sorted by.
    pub fn key(&self) -> [&str; 5] {
        [&self.family, &self.kernel, &self.rung, &self.pass, &self.size]
    }

    fn name(&self) -> String {
        let Row { family, kernel, rung, pass, size, .. } = self;
        format!("{kernel}, rung {rung}, pass {pass}, compiled for \"{size}\" on {family}")
    }
}

impl Report {
    /// Where it is stored.
    pub fn path() -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/results/registers.json"))
    }

    pub fn stored() -> Result<Report, String> {
        let path = Report::path();
        let text = std::fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
        serde_json::from_str(&text).map_err(|why| format!("{}: {why}", path.display()))
    }

    /// The stored form: a row to a line, so that a change shows as what it is.
    pub fn to_json(&self) -> String {
        let rows: Vec<_> =
            self.rows.iter().map(|row| serde_json::to_string(row).expect("plain values")).collect();
        format!("{{\"driver\": {:?}, \"rows\": [\n{}\n]}}\n", self.driver, rows.join(",\n"))
    }

    /// Those rows that are of this kernel or op.
    pub fn only(mut self, name: &str) -> Report {
        self.rows.retain(|row| row.kernel == name || row.kernel.split('.').next() == Some(name));
        self
    }

    /// The table in docs/ladder.md: passes that multiply and add, with the size that takes most registers.
    pub fn markdown(&self) -> String {
        let multiplies = |row: &&Row| row.counts.as_ref().is_some_and(|counts| counts.multiply_adds > 0);
        let mut passes: BTreeMap<[&str; 3], BTreeMap<&str, &Row>> = BTreeMap::new();
        for row in self.rows.iter().filter(multiplies) {
            let of_families = passes.entry([&row.kernel, &row.rung, &row.pass]).or_default();
            let largest = of_families.entry(&row.family).or_insert(row);
            if row.counts.as_ref().map(|counts| counts.vgprs)
                > largest.counts.as_ref().map(|counts| counts.vgprs)
            {
                *largest = row;
            }
        }
        let families: BTreeSet<_> = self.rows.iter().map(|row| row.family.as_str()).collect();
        let mut table = "| kernel | rung | pass |".to_string();
        families.iter().for_each(|family| table += &format!(" {family} |"));
        table += &format!("\n|---|---|---|{}", "---|".repeat(families.len()));
        for ([kernel, rung, pass], rows) in passes {
            table += &format!("\n| {kernel} | {rung} | {pass} |");
            for family in &families {
                let cell = rows.get(family).and_then(|row| Some((row.default, row.counts.as_ref()?)));
                table += &cell.map_or(" |".to_string(), |(default, counts)| {
                    let mark = if default { "**" } else { "" };
                    let share = 100.0 * counts.share().unwrap_or(0.0);
                    let Counts { vgprs, waves, spilled_vgprs, .. } = counts;
                    format!(" {mark}{vgprs} / {waves} / {spilled_vgprs}, {share:.0} %{mark} |")
                });
            }
        }
        table
    }

    /// Writes that table between its marks in the docs.
    pub fn write_docs(&self) -> Result<(), String> {
        let text = std::fs::read_to_string(DOCS).map_err(|why| format!("{DOCS}: {why}"))?;
        let (before, shown, after) = split_docs(&text)?;
        let table = self.markdown();
        if shown == table {
            return Ok(());
        }
        std::fs::write(DOCS, format!("{before}{table}{after}")).map_err(|why| format!("{DOCS}: {why}"))
    }

    pub fn table(&self) -> String {
        let mut lines = vec![HEADINGS.map(String::from)];
        lines.extend(self.rows.iter().map(cells));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..HEADINGS.len()).map(width).collect();
        let mut table = String::new();
        for line in &lines {
            let padded = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                // Words to the left, numbers to the right.
                if column < WORDS { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            let _ = writeln!(table, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
        }
        table
    }
}

pub const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ladder.md");

/// What is before the table, the table, and what is behind it.
pub fn split_docs(text: &str) -> Result<(&str, &str, &str), String> {
    let (begin, end) = ("<!-- registers:begin -->\n", "\n<!-- registers:end -->");
    let first = text.find(begin).map(|at| at + begin.len());
    let last = first.and_then(|first| Some(first + text[first..].find(end)?));
    let (first, last) =
        first.zip(last).ok_or_else(|| format!("{DOCS} has no place for the table of registers"))?;
    Ok((&text[..first], &text[first..last], &text[last..]))
}

/// Columns that hold words.
const WORDS: usize = 6;
const HEADINGS: [&str; 16] = [
    "family",
    "kernel",
    "rung",
    "pass",
    "size",
    "default",
    "subgroup",
    "VGPRs",
    "SGPRs",
    "spilled",
    "(scalar)",
    "scratch",
    "workgroup",
    "waves",
    "code",
    "multiply-adds",
];

fn cells(row: &Row) -> [String; HEADINGS.len()] {
    let default = if row.default { "default" } else { "" };
    let words = [&row.family, &row.kernel, &row.rung, &row.pass, &row.size, default].map(String::from);
    let numbers = match &row.counts {
        None => ["-"; HEADINGS.len() - WORDS].map(String::from),
        Some(counts) => [
            counts.subgroup.to_string(),
            counts.vgprs.to_string(),
            counts.sgprs.to_string(),
            counts.spilled_vgprs.to_string(),
            counts.spilled_sgprs.to_string(),
            counts.scratch.to_string(),
            counts.workgroup.to_string(),
            counts.waves.to_string(),
            counts.code.to_string(),
            counts.share().map_or("-".to_string(), |share| format!("{:.1} %", share * 100.0)),
        ],
    };
    let mut cells = words.into_iter().chain(numbers);
    std::array::from_fn(|_| cells.next().expect("as many as headings"))
}

/// What `now` has that must not be, with what to do about it; nothing where all is well.
pub fn check(stored: &Report, now: &Report) -> Result<(), String> {
    let worse: Vec<_> = spilling(now).into_iter().chain(worse(stored, now)).collect();
    if worse.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\n\n\
         See what the compiler makes of it: cargo bench --bench registers -- --only KERNEL --assembly FOLDER\n\
         A default must not spill: let a thread own less, or make another rung the default. Other counts may get worse for a\n\
         reason, such as a time that was measured on a real adapter: cargo bench --bench registers -- --update",
        worse.join("\n")
    ))
}

/// Defaults that spill, which none may with any driver.
fn spilling(now: &Report) -> Vec<String> {
    let spilling = now.rows.iter().filter_map(|row| Some((row, row.counts.as_ref()?)));
    spilling
        .filter(|(row, counts)| row.default && counts.spills())
        .map(|(row, counts)| format!("{}: a default rung spills: {}", row.name(), counts.spilled()))
        .collect()
}

/// Whether numbers of the two can be compared: another version of the driver counts otherwise.
pub fn same_driver(stored: &Report, now: &Report) -> bool {
    stored.driver == now.driver
}

/// Rows that are worse than the stored ones, or in one report only.
fn worse(stored: &Report, now: &Report) -> Vec<String> {
    let by_key = |report: &Report| -> BTreeMap<_, _> {
        report.rows.iter().map(|row| (row.key().map(String::from), row.clone())).collect()
    };
    let (before, after) = (by_key(stored), by_key(now));
    let gone = before.iter().filter(|(key, _)| !after.contains_key(*key));
    let mut found: Vec<_> = gone
        .map(|(_, row)| format!("{}: is stored, but there is no such pass any more", row.name()))
        .collect();
    for (key, row) in &after {
        let Some(stored_row) = before.get(key) else {
            found.push(format!("{}: is new, and not stored", row.name()));
            continue;
        };
        if let (Some(before), Some(after), true) = (&stored_row.counts, &row.counts, same_driver(stored, now))
        {
            found.extend(losses(before, after).into_iter().map(|loss| format!("{}: {loss}", row.name())));
        }
    }
    found
}

fn losses(before: &Counts, after: &Counts) -> Vec<String> {
    let mut losses = Vec::new();
    let spilled = |counts: &Counts| [counts.spilled_vgprs, counts.spilled_sgprs, counts.scratch];
    if spilled(before).iter().zip(spilled(after)).any(|(before, after)| after > *before) {
        losses.push(format!("it had {}, now {}", before.spilled(), after.spilled()));
    }
    if after.waves < before.waves {
        losses.push(format!(
            "{} waves fitted a SIMD unit, now {} fit (vector registers: {}, now {}; workgroup memory: {} bytes, now {})",
            before.waves, after.waves, before.vgprs, after.vgprs, before.workgroup, after.workgroup
        ));
    }
    let (share_before, share_after) = (before.share().unwrap_or(0.0), after.share().unwrap_or(0.0));
    if share_after < share_before - SHARE_MARGIN {
        losses.push(format!(
            "of its hottest loop {:.1} % were multiply-adds ({} of {}), now {:.1} % ({} of {})",
            share_before * 100.0,
            before.multiply_adds,
            before.vector,
            share_after * 100.0,
            after.multiply_adds,
            after.vector
        ));
    }
    losses
}
