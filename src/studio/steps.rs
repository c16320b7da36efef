//! The steps of a run, column by column, as the page draws them.

use crate::data::open_regular;
use serde::Serialize;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Most bytes that are read of all steps, and of one.
const MOST_STEPS: u64 = 256 << 20;
const MOST_LINE: u64 = 4 << 10;
/// Of more than twice as many steps, every second one is left out.
const SHOWN_STEPS: usize = 10_000;

/// `steps.jsonl`, column by column.
#[derive(Default, Serialize)]
pub struct Steps {
    step: Vec<Value>,
    epoch: Vec<Value>,
    loss: Vec<Value>,
    accuracy: Vec<Value>,
    images: Vec<Value>,
    seconds: Vec<Value>,
}

impl Steps {
    fn columns(&mut self) -> [(&'static str, &mut Vec<Value>); 6] {
        let Steps { step, epoch, loss, accuracy, images, seconds } = self;
        [
            ("step", step),
            ("epoch", epoch),
            ("loss", loss),
            ("accuracy", accuracy),
            ("images", images),
            ("seconds", seconds),
        ]
    }

    fn push(&mut self, mut step: Value) {
        for (name, column) in self.columns() {
            // Whatever else stands there could be of any size.
            column.push(Some(step[name].take()).filter(Value::is_number).unwrap_or_default());
        }
    }

    /// Every second one stays.
    fn halve(&mut self) {
        for (_, column) in self.columns() {
            let mut index = 0;
            column.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
    }

    /// `steps.jsonl`: of a long run every second step, every fourth, and so on.
    pub fn read(file: &Path) -> Steps {
        let (mut steps, mut stride, mut index) = (Steps::default(), 1, 0);
        let Ok((file, len)) = open_regular(file) else { return steps };
        // No more than was there: what has no end, such as files of /proc, says that it is empty.
        let mut reader = BufReader::new(file.take(len.min(MOST_STEPS)));
        let mut line = Vec::new();
        while reader.by_ref().take(MOST_LINE).read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            // A run that was killed may end in half a line.
            if let Ok(step @ Value::Object(_)) = serde_json::from_slice::<Value>(&line) {
                if index % stride == 0 {
                    steps.push(step);
                }
                index += 1;
                if steps.step.len() == 2 * SHOWN_STEPS {
                    steps.halve();
                    stride *= 2;
                }
            }
            line.clear();
        }
        steps
    }
}
