//! What is wrong with a shader.

use serde::Serialize;
use std::collections::HashMap;
use std::fmt;

/// What kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Two threads use one cell, one of them writes, and nothing orders them.
    Race,
    /// What is read was written by nobody.
    Uninitialised,
    OutOfBounds,
    /// Not all threads of a group come to a barrier.
    Barrier,
    /// By zero, or of the least integer by -1.
    Division,
    /// By as many bits as there are, or more.
    Shift,
    Endless,
    /// A value of a lane that is not active.
    InactiveLane,
    /// The results differ when the threads run in another order.
    Order,
}

/// One thing that is wrong, with the first place where it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub kind: Kind,
    /// The entry point.
    pub pass: String,
    /// Of the WGSL, counted from 1, in ascending order; none for what concerns the whole kernel.
    pub lines: Vec<u32>,
    /// Numbers of the threads in their group.
    pub threads: Vec<u32>,
    pub group: [u32; 3],
    /// The variable.
    pub name: String,
    /// Its cell, or an index that is out of bounds.
    pub place: Option<i64>,
    /// In words.
    pub what: String,
    /// How often the same was seen.
    pub count: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lines: Vec<_> = self.lines.iter().map(u32::to_string).collect();
        if !lines.is_empty() {
            write!(f, "{} {}: ", if lines.len() > 1 { "lines" } else { "line" }, lines.join(" and "))?;
        }
        write!(f, "{}", self.what)?;
        if !self.threads.is_empty() {
            let threads: Vec<_> = self.threads.iter().map(u32::to_string).collect();
            let [x, y, z] = self.group;
            let word = if threads.len() > 1 { "threads" } else { "thread" };
            write!(f, " ({word} {} of group {x}, {y}, {z}", threads.join(" and "))?;
        }
        match (self.threads.is_empty(), self.count > 1) {
            (true, false) => Ok(()),
            (true, true) => write!(f, " ({} times)", self.count),
            (false, false) => f.write_str(")"),
            (false, true) => write!(f, "; {} times)", self.count),
        }
    }
}

/// More are not kept: nobody reads so many.
const MOST: usize = 1000;

/// Findings, each of which is kept once and counted.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    list: Vec<Finding>,
    numbers: HashMap<(Kind, String, Vec<u32>), usize>,
}

impl Findings {
    pub fn add(&mut self, finding: Finding) {
        let key = (finding.kind, finding.pass.clone(), finding.lines.clone());
        match self.numbers.get(&key) {
            Some(&number) => self.list[number].count += finding.count,
            None if self.list.len() >= MOST => {}
            None => {
                self.numbers.insert(key, self.list.len());
                self.list.push(finding);
            }
        }
    }

    pub fn extend(&mut self, others: Findings) {
        others.list.into_iter().for_each(|finding| self.add(finding));
    }

    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    pub fn into_list(self) -> Vec<Finding> {
        self.list
    }
}
