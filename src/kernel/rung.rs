//! A rung: one way to compute a kernel on a GPU.

use crate::device::{Limits, textures};
use std::borrow::Cow;

/// One way to compute a kernel on a GPU.
pub struct Rung<P: 'static> {
    /// `2_shared` is step 2 of the ladder for GPUs; a name without a number is made for software adapters.
    pub name: &'static str,
    /// Its file is `shaders/<op>.<file>.wgsl`; that of the plain one is `shaders/<op>.wgsl`.
    pub file: &'static str,
    pub source: &'static str,
    /// Words of the file in whose place it has others. A type, unlike a number, cannot be an `override`.
    pub replaced: &'static [(&'static str, &'static str)],
    /// Dispatches, in order.
    pub passes: &'static [Pass<P>],
    /// Words of a buffer `scratch` that passes share; 0 for none.
    pub scratch: fn(&P) -> usize,
    /// Values that are copied into its largest texture.
    pub texels: fn(&P) -> usize,
    /// What Rust and the shader must agree on beside sizes, such as tiles and how much of a sum one thread adds up: an
    /// `override` of this name is set to the value, a `const` has it already.
    pub constants: &'static [(&'static str, f64)],
    /// Loop iterations of one thread, all nested loops together: software drivers end loops early.
    pub iterations: fn(&P) -> usize,
    /// What the rung needs of an adapter that one with these limits lacks. WebGPU's default limits are always there.
    pub lacks: fn(&Limits) -> Option<&'static str>,
    /// The sizes that the rung is for, where these are others.
    pub only_for: fn(&P) -> Option<&'static str>,
    /// Whether it runs without wgpu's checks of bounds and loops: where these cost 5 % or more on a GPU.
    pub trusted: bool,
    /// How exact its sums are: what its results may be compared with.
    pub error: Rounding,
    /// Where it is taken unless another is asked for.
    pub default_on: Adapters,
}

impl<P> Rung<P> {
    /// Its shader.
    pub fn text(&self) -> Cow<'static, str> {
        let mut text = Cow::Borrowed(self.source);
        for (word, other) in self.replaced {
            assert!(text.contains(word), "{}: there is no {word} to replace", self.name);
            text = Cow::Owned(text.replace(word, other));
        }
        text
    }

    fn textures_fit(&self, limits: &Limits, params: &P) -> bool {
        let texels = (self.texels)(params) as u64;
        texels == 0 || textures::height(texels * 4).max(textures::WIDTH) <= u64::from(limits.max_texture_side)
    }

    fn grids_fit(&self, params: &P) -> bool {
        self.passes.iter().all(|pass| pass.grid.groups(params).into_iter().all(|groups| groups <= MAX_GROUPS))
    }

    /// Why an adapter with these limits cannot compute these sizes with it; `None` where it can.
    pub fn problem(&self, limits: &Limits, params: &P) -> Option<&'static str> {
        // In this order: grids and scratch have no meaning for sizes that it is not for.
        (self.lacks)(limits).or_else(|| (self.only_for)(params)).or_else(|| self.exceeds(limits, params))
    }

    fn exceeds(&self, limits: &Limits, params: &P) -> Option<&'static str> {
        let scratch = (self.scratch)(params) as u64 * 4;
        let checks = [
            (
                (self.iterations)(params) > limits.max_loop_iterations,
                "its loops are longer than the driver's",
            ),
            (scratch > limits.max_binding.min(limits.max_buffer), "its partial sums exceed a buffer"),
            (!self.textures_fit(limits, params), "its textures are too large"),
            (!self.grids_fit(params), "it needs more groups than there may be"),
        ];
        checks.into_iter().find(|(is_exceeded, _)| *is_exceeded).map(|(_, why)| why)
    }

    /// Why it is not the default there; `None` where it may be.
    pub fn problem_as_default(&self, limits: &Limits, params: &P) -> Option<&'static str> {
        let misplaced = match (self.default_on, limits.software) {
            (Adapters::Software, false) => Some("it is made for software adapters"),
            (Adapters::Gpus, true) => Some("it is made for GPUs, and slower than a plain rung here"),
            _ => None,
        };
        misplaced.or_else(|| self.problem(limits, params))
    }
}

/// Adapters that take a rung by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adapters {
    All,
    /// Those that run shaders on the CPU.
    Software,
    /// Hardware.
    Gpus,
}

/// What a rung rounds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Inputs, products and sums are f32.
    F32,
    /// Tensor cores: inputs are rounded to halves, with 11 bits; their products are exact, and sums are f32 that may be
    /// cut off instead of rounded.
    Halves,
}

/// One dispatch of an entry point. Which buffers it sees is read from the shader.
pub struct Pass<P: 'static> {
    pub entry: &'static str,
    /// Textures that it fetches from, each with the buffer whose values are copied into it before.
    pub textures: &'static [(&'static str, &'static str)],
    pub grid: Grid<P>,
    /// Whether it only puts values in another order: the FLOP of the kernel are those of the others.
    pub packs: bool,
}

impl<P> Pass<P> {
    /// A pass without textures.
    pub const fn new(entry: &'static str, grid: Grid<P>) -> Pass<P> {
        Pass { entry, textures: &[], grid, packs: false }
    }

    /// A pass that puts values in the order of use, and computes nothing.
    pub const fn packing(entry: &'static str, grid: Grid<P>) -> Pass<P> {
        Pass { packs: true, ..Pass::new(entry, grid) }
    }
}

/// How many threads or groups a pass needs.
pub enum Grid<P: 'static> {
    /// This many threads in groups of 256, of which the shader makes a flat index.
    Threads(fn(&P) -> usize),
    /// The same where a thread owns four of these.
    ThreadsOfFour(fn(&P) -> usize),
    /// These groups.
    Groups(fn(&P) -> [u32; 3]),
}

impl<P> Grid<P> {
    /// The groups of a dispatch.
    pub fn groups(&self, params: &P) -> [u32; 3] {
        match self {
            Grid::Threads(threads) => flat_grid(threads(params)),
            Grid::ThreadsOfFour(items) => flat_grid(items(params).div_ceil(4)),
            Grid::Groups(groups) => groups(params),
        }
    }
}

/// The name of the plain rung, whose shader is `shaders/<op>.wgsl`.
pub const PLAIN: &str = "1_plain";

/// Groups of one dimension of a grid: WebGPU's limit.
const MAX_GROUPS: u32 = 65_535;

/// Groups of the longest row that is not folded: fewer than there may be, so that tests reach a second row with little work.
const MAX_ROW: usize = 1 << 14;

/// A row of at least `groups` groups as some rows of equal length.
pub fn folded(groups: usize) -> [u32; 2] {
    let rows = groups.div_ceil(MAX_ROW).max(1);
    [groups.div_ceil(rows) as u32, rows as u32]
}

/// Groups of 256 threads for at least `threads` threads.
pub fn flat_grid(threads: usize) -> [u32; 3] {
    let [x, y] = folded(threads.div_ceil(256));
    [x, y, 1]
}

/// The groups of a second pass, in which 16 threads add up the parts of an element.
pub fn sums_of_parts(elements: usize) -> [u32; 3] {
    let [x, y] = folded(elements.div_ceil(16));
    [x, y, 1]
}

impl<P> Rung<P> {
    /// A rung that fits everywhere and needs nothing; for `Rung { …, ..Rung::new(name, source, passes) }`.
    pub const fn new(name: &'static str, source: &'static str, passes: &'static [Pass<P>]) -> Rung<P> {
        Rung {
            name,
            file: name,
            source,
            replaced: &[],
            passes,
            scratch: |_| 0,
            texels: |_| 0,
            constants: &[],
            iterations: |_| 0,
            lacks: |_| None,
            only_for: |_| None,
            trusted: false,
            error: Rounding::F32,
            default_on: Adapters::All,
        }
    }

    /// The plain rung.
    pub const fn plain(source: &'static str, passes: &'static [Pass<P>]) -> Rung<P> {
        Rung::new(PLAIN, source, passes)
    }

    /// As [`new`](Rung::new), for lavapipe and its like, on which a load takes longer than a hundred multiply-adds: threads
    /// share factors with the other lanes of their subgroup, of which there must be eight. On a GPU it has to be asked for.
    pub const fn for_software(
        name: &'static str,
        source: &'static str,
        passes: &'static [Pass<P>],
    ) -> Rung<P> {
        Rung {
            lacks: |limits| {
                (limits.min_subgroup_size < 8).then_some("it needs subgroups of 8 threads or more")
            },
            default_on: Adapters::Software,
            ..Rung::new(name, source, passes)
        }
    }
}

/// Groups that keep a large GPU busy: some for each of the 132 cores of an H100, so that fast ones need not wait for slow
/// ones.
const ENOUGH_GROUPS: u32 = 512;
/// Multiply-adds that are worth a group of their own.
const FEWEST_PRODUCTS: u32 = 1 << 20;
/// Terms of the longest part: a short sum is more exact, and software drivers end long loops.
const MOST_TERMS: u32 = 8192;

/// In how many parts to add up long sums of `terms` terms each, where there are `groups` groups for each part, with
/// `results` sums each.
pub fn parts(groups: u32, results: u32, terms: u32) -> u32 {
    let fewest_terms = FEWEST_PRODUCTS.div_ceil(results).min(MOST_TERMS);
    ENOUGH_GROUPS.div_ceil(groups).clamp(terms.div_ceil(MOST_TERMS), terms.div_ceil(fewest_terms))
}

#[cfg(test)]
mod tests {
    use super::flat_grid;

    #[test]
    fn a_grid_covers_its_threads_within_the_limit_of_a_dimension() {
        for threads in [1, 256, 257, 65_535 * 256, 65_535 * 256 + 1, 33_554_432, 1 << 30] {
            let [x, y, z] = flat_grid(threads).map(|groups| groups as usize);
            assert!(x <= 65_535 && y <= 65_535 && z == 1, "{threads}");
            assert!(x * y * 256 >= threads && x * y * 256 < threads + 256 * y, "{threads}");
        }
    }
}
