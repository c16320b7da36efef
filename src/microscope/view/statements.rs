//! Lines that belong together: a statement may be longer than a line.

/// For each line of a source, the statement that it is a part of.
#[derive(Debug, Clone)]
pub struct Statements {
    lines: Vec<String>,
    /// By line, counted from 0: the first and last line of its statement.
    spans: Vec<(usize, usize)>,
}

impl Statements {
    pub fn new(source: &str) -> Statements {
        let lines: Vec<String> = source.lines().map(str::to_string).collect();
        let mut spans = Vec::with_capacity(lines.len());
        let mut first = 0;
        for (at, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default().trim();
            // A list of arguments goes on behind a comma, a formula behind an operator.
            let ends = code.is_empty() || code.ends_with([';', '{', '}']) || code.starts_with('@');
            if ends || at + 1 == lines.len() {
                spans.extend((first..=at).map(|_| (first, at)));
                first = at + 1;
            }
        }
        Statements { lines, spans }
    }

    /// The first line of the statement that a line is a part of, both counted from 1; 0 for none.
    pub fn first(&self, line: u32) -> u32 {
        self.spans.get((line as usize).wrapping_sub(1)).map_or(0, |(first, _)| *first as u32 + 1)
    }

    /// The first and the last line of every statement that is longer than a line, counted from 1.
    pub fn of_several_lines(&self) -> Vec<(usize, usize)> {
        let mut spans: Vec<_> = self.spans.iter().filter(|(first, last)| first < last).collect();
        spans.dedup();
        spans.into_iter().map(|(first, last)| (first + 1, last + 1)).collect()
    }

    /// The statement that begins in a line, in one.
    pub fn text(&self, line: u32) -> String {
        let Some(&(first, last)) = self.spans.get((line as usize).wrapping_sub(1)) else {
            return String::new();
        };
        let code = |line: &String| line.split("//").next().unwrap_or_default().trim().to_string();
        self.lines[first..=last].iter().map(code).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::Statements;

    #[test]
    fn a_statement_begins_where_the_one_before_ends() {
        let text = "fn f() {\n    // note\n    sum += a\n        * b; // more\n    if (x) { y(); }\n}\n";
        let statements = Statements::new(text);
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 0].map(|line| statements.first(line)), [1, 2, 3, 3, 5, 6, 0, 0]);
        assert_eq!(statements.of_several_lines(), [(3, 4)]);
        assert_eq!(statements.text(3), "sum += a * b;");
        assert_eq!(statements.text(9), "");
    }
}
