//! `pawgrad bench` under cargo's name: every kernel with every rung at the default network's sizes.
//!
//! ```text
//! cargo bench --bench kernels -- [--device cpu|software|gpu|…] [--image-size 64] [--batch-size 32] [--only conv2] [--times 5]
//! ```

use clap::Parser;
use pawgrad::commands::{Cli, run};

fn main() -> pawgrad::error::Result<()> {
    // What cargo itself passes is not ours.
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    run(Cli::parse_from(["pawgrad", "bench"].map(String::from).into_iter().chain(arguments)))
}
