//! What a real compiler for GPUs makes of every pass of every rung: registers, spills, how many subgroups fit, and how much
//! of the hottest loop multiplies.
//!
//! The compiler is ACO in Mesa's Vulkan driver RADV, which compiles for AMD's GPUs whether or not there is one. These are
//! counts, not times: a time that was measured on a real adapter outweighs them.

pub mod driver;
pub mod hottest;
pub mod measure;
pub mod programs;
pub mod report;
