//! The loop of a disassembly that multiplies most.

use std::collections::BTreeMap;
use std::ops::Range;

/// Instructions of one loop, without those of loops inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hottest {
    /// Multiply-adds of floats.
    pub multiply_adds: u32,
    /// All that a vector unit, memory or workgroup memory works on; scalar instructions run beside them.
    pub vector: u32,
}

/// The counts of the loop with the most multiply-adds. What stands in no loop counts as one, since a compiler may have
/// unrolled all of it. `None` where nothing is multiplied and added.
pub fn hottest(assembly: &str) -> Option<Hottest> {
    let lines: Vec<&str> = assembly.lines().map(str::trim).collect();
    let loops = loops(&lines);
    let mut counts: BTreeMap<Option<(usize, usize)>, Hottest> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let around = loops.iter().filter(|range| range.contains(&at)).min_by_key(|range| range.len());
        let counts = counts.entry(around.map(|range| (range.start, range.end))).or_default();
        // Two instructions that are issued as one on RDNA 3 stand in one line.
        for instruction in line.split(" :: ") {
            counts.multiply_adds += u32::from(is_multiply_add(instruction));
            counts.vector += u32::from(is_vector(instruction));
        }
    }
    // Of equal loops the one where multiply-adds are the larger part.
    let most =
        counts.into_values().max_by_key(|found| (found.multiply_adds, std::cmp::Reverse(found.vector)))?;
    (most.multiply_adds > 0).then_some(most)
}

/// From the line of a label to that of the last branch back to it.
fn loops(lines: &[&str]) -> Vec<Range<usize>> {
    let labels: BTreeMap<&str, usize> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((line.strip_suffix(':')?, at))).collect();
    let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let mut words = line.split_whitespace();
        let branches =
            words.next().is_some_and(|name| name.starts_with("s_branch") || name.starts_with("s_cbranch"));
        let target = words.next().and_then(|label| labels.get(label));
        if let Some(&start) = target.filter(|&&start| branches && start <= at) {
            ends.insert(start, at + 1);
        }
    }
    ends.into_iter().map(|(start, end)| start..end).collect()
}

fn is_vector(instruction: &str) -> bool {
    let units = ["v_", "ds_", "buffer_", "tbuffer_", "global_", "flat_", "scratch_", "image_"];
    units.iter().any(|unit| instruction.starts_with(unit))
}

/// Of floats: `v_mad_u32_u24` and its like compute addresses.
fn is_multiply_add(instruction: &str) -> bool {
    let name = instruction.split_whitespace().next().unwrap_or_default();
    let Some(name) = name.strip_prefix("v_") else { return false };
    let name = name.trim_start_matches("dual_").trim_start_matches("pk_");
    if name.starts_with("dot") || name.starts_with("wmma") {
        return true;
    }
    let operations = ["fma", "fmac", "fmamk", "fmaak", "mad", "mac", "madmk", "madak"];
    let (operation, kind) = name.split_once('_').unwrap_or((name, ""));
    operations.contains(&operation) && ["f32", "f16", "mix"].iter().any(|float| kind.starts_with(float))
}
