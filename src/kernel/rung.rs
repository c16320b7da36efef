//! A rung: one way to compute a kernel on a GPU.

use crate::device::Limits;

/// One way to compute a kernel on a GPU.
pub struct Rung<P: 'static> {
    /// The part of the file's name that tells it from the plain one: `1_plain`, `2_tiled`.
    pub name: &'static str,
    pub source: &'static str,
    /// Dispatches, in order.
    pub passes: &'static [Pass<P>],
    /// Words of a buffer `scratch` that passes share; 0 for none.
    pub scratch: fn(&P) -> usize,
    /// What the rung needs of an adapter.
    pub requires: fn(&Limits) -> bool,
    /// Which sizes it covers.
    pub fits: fn(&P) -> bool,
}

impl<P> Rung<P> {
    /// Whether an adapter with these limits can compute these sizes with it.
    pub fn usable(&self, limits: &Limits, params: &P) -> bool {
        (self.requires)(limits) && (self.fits)(params)
    }
}

/// One dispatch of an entry point.
pub struct Pass<P: 'static> {
    pub entry: &'static str,
    /// Names of the buffers that this entry point uses; empty for all of the kernel's.
    pub buffers: &'static [&'static str],
    pub grid: Grid<P>,
}

/// How many threads or groups a pass needs.
pub enum Grid<P: 'static> {
    /// This many threads in groups of 256, of which the shader makes a flat index.
    Threads(fn(&P) -> usize),
    /// These groups.
    Groups(fn(&P) -> [u32; 3]),
}

/// The plain rung of a kernel whose threads each own one of `threads` items.
pub const PLAIN: &str = "1_plain";

/// Groups of 256 threads for at least `threads` threads: one row, or as many rows as it takes to stay
/// below 65,535 groups, WebGPU's limit for one dimension.
pub fn flat_grid(threads: usize) -> [u32; 3] {
    let groups = threads.div_ceil(256);
    let rows = groups.div_ceil(65_535);
    [groups.div_ceil(rows) as u32, rows as u32, 1]
}

/// A [`Rung`] of one pass whose entry point has the kernel's name: of so many `threads` with flat
/// indices, or of `groups`.
macro_rules! rung {
    ($name:expr, $source:expr, $entry:ident, threads: $threads:expr) => {
        $crate::kernel::rung!($name, $source, $entry, $crate::kernel::Grid::Threads($threads))
    };
    ($name:expr, $source:expr, $entry:ident, groups: $groups:expr) => {
        $crate::kernel::rung!($name, $source, $entry, $crate::kernel::Grid::Groups($groups))
    };
    ($name:expr, $source:expr, $entry:ident, $grid:expr) => {
        $crate::kernel::Rung {
            name: $name,
            source: $source,
            passes: &[$crate::kernel::Pass { entry: stringify!($entry), buffers: &[], grid: $grid }],
            scratch: |_| 0,
            requires: |_| true,
            fits: |_| true,
        }
    };
}
pub(crate) use rung;
