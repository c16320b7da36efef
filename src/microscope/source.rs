//! WGSL text to naga's checked form, with a value for every override; errors name the line.

use naga::Span;
use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use std::fmt;

/// Why a shader is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Counted from 1; `None` where no line is to blame.
    pub line: Option<u32>,
    pub what: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub fn new(what: impl Into<String>) -> Refusal {
        Refusal { line: None, what: what.into() }
    }
}

pub type Result<T> = std::result::Result<T, Refusal>;

/// Bytes of the longest source that is read.
const LONGEST: usize = 1 << 20;

/// Signs between two ends of statements, `else`s, and declarations of a text. Parsers go into each, the device's too, and a
/// stack is finite: of 2 MiB, naga takes half for about six times as many.
const MOST_SIGNS: usize = 500;
const MOST_ELSES: usize = 200;
const MOST_DECLARATIONS: usize = 700;

/// A text that naga takes.
pub struct Parsed {
    pub(super) text: std::sync::Arc<str>,
    module: naga::Module,
    info: ModuleInfo,
}

/// A checked module without overrides, reduced to what `entry` uses.
pub(super) struct Checked {
    pub module: naga::Module,
    pub info: ModuleInfo,
}

/// Parses and checks `text`.
///
/// # Errors
/// What naga refuses, with its line.
pub fn parse(text: &str) -> Result<Parsed> {
    if text.len() > LONGEST {
        return Err(Refusal::new(format!("the source has {} bytes: more than {LONGEST}", text.len())));
    }
    is_shallow(text)?;
    let module = naga::front::wgsl::parse_str(text).map_err(|why| {
        let what = why.to_string();
        let line = why.location(text).map(|at| match what.contains("expected `;`") {
            // What is missing is missing behind what stands before.
            true => last_line_of_code(&text[..at.offset as usize]),
            false => at.line_number,
        });
        Refusal { line, what }
    })?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
    validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
    let info = validator.validate(&module).map_err(|why| {
        let location = why.location(text);
        let part = |at: naga::SourceLocation| text.get(at.offset as usize..(at.offset + at.length) as usize);
        let part = location.and_then(part).unwrap_or_default();
        let what = match chain(why.as_inner()) {
            what if what.contains("Loading of") => whole_array(&module, part).unwrap_or(what),
            what => what,
        };
        Refusal { line: location.map(|at| at.line_number), what }
    })?;
    Ok(Parsed { text: text.into(), module, info })
}

/// The last line of a text in which there is code, counted from 1.
fn last_line_of_code(text: &str) -> u32 {
    let is_code = |line: &str| !line.split("//").next().unwrap_or_default().trim().is_empty();
    text.lines().zip(1..).filter(|(line, _)| is_code(line)).last().map_or(1, |(_, number)| number)
}

/// What is wrong with a variable in a place where its value is wanted, in the words of a shader; `None` where that is not
/// known.
fn whole_array(module: &naga::Module, part: &str) -> Option<String> {
    let mut named = part.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty());
    let is_array = |name: &&str| {
        module.global_variables.iter().any(|(_, global)| {
            global.name.as_deref() == Some(*name)
                && matches!(module.types[global.ty].inner, naga::TypeInner::Array { .. })
        })
    };
    let name = named.rfind(is_array)?;
    Some(format!("{name} is a whole array, and cannot be loaded at once: an element of it is {name}[i]"))
}

/// Refuses what would take more of a stack than there is.
fn is_shallow(text: &str) -> Result<()> {
    let (mut signs, mut elses, mut declarations) = (0, 0, 0);
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let too_many = |what: String| Err(Refusal { line: Some(number as u32 + 1), what });
        for sign in code.bytes().filter(u8::is_ascii_punctuation) {
            match sign {
                b';' | b'{' | b'}' | b',' => signs = 0,
                b'_' => {}
                _ => signs += 1,
            }
            if signs > MOST_SIGNS {
                return too_many(format!(
                    "a statement of more than {MOST_SIGNS} operators, dots and brackets"
                ));
            }
        }
        for word in code.split(|c: char| !c.is_alphanumeric() && c != '_') {
            match word {
                "else" => elses += 1,
                "fn" | "const" | "alias" | "struct" | "override" | "var" => declarations += 1,
                _ => {}
            }
        }
        if elses > MOST_ELSES {
            return too_many(format!("more than {MOST_ELSES} times `else`"));
        }
        if declarations > MOST_DECLARATIONS {
            return too_many(format!("more than {MOST_DECLARATIONS} functions, constants and variables"));
        }
    }
    Ok(())
}

/// One entry point. Of `overrides`, those that are not declared are left out.
pub(super) fn check(parsed: &Parsed, entry: &str, overrides: &[(&str, f64)]) -> Result<Checked> {
    let Parsed { module, info, .. } = parsed;
    let is_known =
        |known: &naga::EntryPoint| known.name == entry && known.stage == naga::ShaderStage::Compute;
    if !module.entry_points.iter().any(is_known) {
        let names: Vec<_> = module.entry_points.iter().map(|known| known.name.as_str()).collect();
        let what = format!("no compute entry point is called {entry}: there are {}", names.join(", "));
        return Err(Refusal::new(what));
    }
    let declared = |name: &str| {
        module.overrides.iter().any(|(_, known)| known.id.is_none() && known.name.as_deref() == Some(name))
    };
    let values = overrides.iter().filter(|(name, _)| declared(name));
    let values = values.map(|&(name, value)| (name.to_string(), value)).collect();
    let stage = Some((naga::ShaderStage::Compute, entry));
    let (module, info) = process_overrides(module, info, stage, &values)
        .map_err(|why| Refusal::new(chain(&why)))
        .map(|(module, info)| (module.into_owned(), info.into_owned()))?;
    Ok(Checked { module, info })
}

/// An error with what caused it.
fn chain(why: &dyn std::error::Error) -> String {
    let mut text = why.to_string();
    let mut next = why.source();
    while let Some(why) = next {
        text += &format!(": {why}");
        next = why.source();
    }
    text
}

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub fn new(text: &str) -> Lines {
        Lines(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line that a span begins in, counted from 1; 0 without a span.
    pub fn of(&self, span: Span) -> u32 {
        span.to_range().map_or(0, |range| self.0.partition_point(|&start| start <= range.start) as u32)
    }
}
