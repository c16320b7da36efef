//! Cases with random sizes, and how to make one that fails as small as it can be.

use super::kernels::{Got, Question, bytes, describe};
use super::{Case, Style, all};
use crate::cases::Dice;
use crate::device::{Device, DeviceKind};
use crate::kernel::Rounding;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a case may cost, in FLOP. One in [`LARGE`] may cost as many times that, so that some sizes are large together.
const WORK: f64 = 4e6;
const LARGE: u32 = 16;
/// What moving a byte costs.
const BYTE: f64 = 4.0;
/// How often sizes are drawn until some suit.
const TRIES: usize = 100;
/// Groups of threads, and tiles.
const EDGES: [u32; 6] = [8, 16, 32, 64, 128, 256];

/// What cases are drawn for.
pub struct Fuzz<'a> {
    device: &'a Device,
    /// One case of each kernel: others are drawn from it.
    kernels: Vec<Case>,
    /// The one rung that is run, unless all are.
    rung: Option<String>,
}

impl<'a> Fuzz<'a> {
    /// For the kernels whose name is `selected`, and this rung or all.
    pub fn new(device: &'a Device, selected: impl Fn(&str) -> bool, rung: Option<String>) -> Fuzz<'a> {
        let mut kernels = all();
        kernels.sort_by_key(|case| case.call.name());
        kernels.dedup_by_key(|case| case.call.name());
        let has_rung = |case: &Case| rung.as_deref().is_none_or(|rung| known(case, device).contains(&rung));
        kernels.retain(|case| selected(case.call.name()) && case.at_random.is_some() && has_rung(case));
        Fuzz { device, kernels, rung }
    }

    /// Names of the kernels that cases are drawn for, each with every rung that may run.
    pub fn kernels(&self) -> Vec<(&'static str, &'static str)> {
        let of = |case: &Case| {
            let (name, rungs) = (case.call.name(), known(case, self.device));
            rungs.into_iter().filter(|rung| self.runs(rung)).map(|rung| (name, rung)).collect::<Vec<_>>()
        };
        self.kernels.iter().flat_map(of).collect()
    }

    /// Case `index` of a seed.
    ///
    /// # Panics
    /// Where there is no kernel.
    pub fn draw(&self, seed: u64, index: usize) -> Drawn {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index as u64);
        // The more there is to vary, the more often.
        let lots = self.kernels.iter().flat_map(|case| case.call.fields().iter().map(move |_| case));
        let lots: Vec<&Case> = lots.collect();
        let kernel = lots[rng.random_range(0..lots.len())];
        // Some rungs cover few sizes: one is chosen, and sizes are drawn until it does.
        let known = known(kernel, self.device);
        let wanted = self.rung.as_deref().unwrap_or(known[rng.random_range(0..known.len())]);
        let work = if rng.random_range(0..LARGE) == 0 { WORK * f64::from(LARGE) } else { WORK };
        // Dice without chance show the smallest sizes.
        let mut drawn = Drawn::new(kernel, Dice::again(&[]));
        for _ in 0..TRIES {
            let other = Drawn::new(kernel, Dice::new(rng.random(), &edges(kernel)));
            if other.case.call.flop() + bytes(&other.case) * BYTE > work {
                continue;
            }
            drawn = other;
            if drawn.case.call.rungs(self.device).contains(&wanted) {
                break;
            }
        }
        drawn
    }

    /// The rungs that a case is run with.
    pub fn rungs(&self, case: &Case) -> Vec<&'static str> {
        case.call.rungs(self.device).into_iter().filter(|rung| self.runs(rung)).collect()
    }

    fn runs(&self, rung: &str) -> bool {
        self.rung.as_deref().is_none_or(|only| only == rung)
    }
}

/// Every rung that a kernel has on this kind of device.
fn known(case: &Case, device: &Device) -> Vec<&'static str> {
    match device.kind() {
        DeviceKind::Cpu => case.call.rungs(device),
        DeviceKind::Software | DeviceKind::Gpu => {
            case.call.sources().into_iter().map(|source| source.rung).collect()
        }
    }
}

/// Sizes whose neighbours are awkward, the constants of a kernel's rungs among them.
fn edges(case: &Case) -> Vec<u32> {
    let sources = case.call.sources();
    let constants = sources.iter().flat_map(|source| source.constants).map(|(_, value)| *value as u32);
    EDGES.into_iter().chain(constants).collect()
}

/// A case, and the throws of the dice that drew it.
pub struct Drawn {
    pub case: Case,
    thrown: Vec<u32>,
}

impl Drawn {
    fn new(kernel: &Case, mut dice: Dice) -> Drawn {
        let at_random = kernel.at_random.as_ref().expect("an op that says how its sizes are drawn");
        Drawn { case: at_random(&mut dice), thrown: dice.thrown().to_vec() }
    }

    /// The smallest sizes found that fail too: no throw can show less so that they still do.
    pub fn shrink(&self, mut fails: impl FnMut(&Case) -> bool) -> Case {
        let mut smallest = Drawn::new(&self.case, Dice::again(&self.thrown));
        loop {
            let before = smallest.thrown.clone();
            for throw in 0..before.len() {
                while let Some(smaller) = smallest.smaller(throw, &mut fails) {
                    smallest = smaller;
                }
            }
            if smallest.thrown == before {
                return smallest.case;
            }
        }
    }

    /// With one throw that shows its least, half, or a little less: not every size shows what is wrong.
    fn smaller(&self, throw: usize, mut fails: impl FnMut(&Case) -> bool) -> Option<Drawn> {
        let &shown = self.thrown.get(throw).filter(|shown| **shown > 0)?;
        let with = |less| {
            let mut thrown = self.thrown.clone();
            thrown[throw] = less;
            Drawn::new(&self.case, Dice::again(&thrown))
        };
        let less =
            [0, shown / 2, shown - shown / 8, shown - 1, shown.saturating_sub(2), shown.saturating_sub(3)];
        less.into_iter().filter(|less| *less < shown).map(with).find(|smaller| fails(&smaller.case))
    }
}

/// What every rung is asked about a case: values, and what the definition makes of them.
pub struct Exam<'a> {
    case: &'a Case,
    questions: Vec<((Rounding, Style), Question<'a>)>,
}

impl<'a> Exam<'a> {
    pub fn new(case: &'a Case) -> Exam<'a> {
        Exam { case, questions: Vec::new() }
    }

    pub fn case(&self) -> &'a Case {
        self.case
    }

    /// Runs the case with `rung`, on integers and on random numbers, twice each: results must be right, and have the
    /// same bits both times. `seen` is given every result. `Err` is a report for a person.
    pub async fn check(
        &mut self,
        device: &Device,
        rung: &str,
        mut seen: impl FnMut(&[Got]),
    ) -> Result<(), String> {
        for style in [Style::Integers, Style::Random] {
            let question = self.question(self.case.call.rounding(rung), style);
            let (first, second) = (question.ask(device, rung).await, question.ask(device, rung).await);
            let judged = first.and_then(|first| {
                seen(&first);
                question.judge(&first)?;
                if second? == first { Ok(()) } else { Err("a second run gave other bits".to_string()) }
            });
            judged.map_err(|why| format!("{}\n{why}", describe(self.case, device, rung, style)))?;
        }
        Ok(())
    }

    /// It is the same for all rungs that round alike.
    fn question(&mut self, rounding: Rounding, style: Style) -> &Question<'a> {
        let known = self.questions.iter().position(|(of, _)| *of == (rounding, style));
        let index = known.unwrap_or_else(|| {
            self.questions.push(((rounding, style), Question::new(self.case, rounding, style)));
            self.questions.len() - 1
        });
        &self.questions[index].1
    }
}

/// A kernel and its sizes in a line: `dense.forward batch=1 in_features=2 out_features=3`.
pub fn line(case: &Case) -> String {
    let fields = case.call.fields().iter().zip(case.call.words()).map(|(field, word)| {
        let value = match field.kind {
            "f32" => format!("{:?}", f32::from_bits(word)),
            "i32" => (word as i32).to_string(),
            _ => word.to_string(),
        };
        format!(" {}={value}", field.name)
    });
    case.call.name().to_string() + &fields.collect::<String>()
}

/// The case that [`line()`] wrote.
///
/// # Errors
/// What is wrong with the line.
pub fn parse(line: &str) -> Result<Case, String> {
    let mut parts = line.split_whitespace();
    let name = parts.next().unwrap_or_default();
    let case = all().into_iter().find(|case| case.call.name() == name);
    let case = case.ok_or_else(|| format!("there is no kernel \"{name}\""))?;
    let values: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
    let words = case.call.fields().iter().map(|field| {
        let value = values.iter().find(|(name, _)| *name == field.name);
        let (_, value) = value.ok_or_else(|| format!("{name} needs {}", field.name))?;
        let word = match field.kind {
            "f32" => value.parse().ok().map(f32::to_bits),
            "i32" => value.parse().ok().map(|number: i32| number as u32),
            _ => value.parse().ok(),
        };
        word.ok_or_else(|| format!("{} is {}, not \"{value}\"", field.name, field.kind))
    });
    Ok((case.with_params)(&words.collect::<Result<Vec<u32>, String>>()?))
}
