//! The buffers of a kernel, and the memory of one dispatch.

use super::program::{Global, Program, Space};
use super::shadow::{Record, Shadow};
use super::source::{Refusal, Result};

/// A buffer, as words of 4 bytes.
#[derive(Debug, Clone)]
pub struct Buffer {
    /// As shaders call it.
    pub name: String,
    pub words: Vec<u32>,
    /// What is known of its cells from earlier dispatches.
    pub shadow: Shadow,
}

impl Buffer {
    /// `is_known` where it holds values that may be read before anything is written.
    pub fn new(name: &str, words: Vec<u32>, is_known: bool) -> Buffer {
        Buffer { name: name.to_string(), words, shadow: Shadow { is_known, ..Shadow::default() } }
    }
}

/// The memory of a program's variables, each by its number.
#[derive(Debug, Clone)]
pub struct Bound {
    pub memory: Vec<Vec<u32>>,
    /// The buffer behind each variable.
    sources: Vec<Option<usize>>,
}

/// The number of the buffer behind a variable: of that name, or the one that is copied into a texture. The variable
/// `packed` is the buffer `scratch` too. `None` where there is none.
pub fn buffer_of(buffers: &[Buffer], global: &Global, textures: &[(&str, &str)]) -> Option<usize> {
    let source = textures.iter().find(|(texture, _)| *texture == &*global.name);
    let name = source.map_or(&*global.name, |(_, source)| source);
    let is_it = |buffer: &Buffer| buffer.name == name || (name == "packed" && buffer.name == "scratch");
    buffers.iter().position(is_it)
}

/// Gives the variables of a program their memory: `params` is its uniform, and textures are copies of buffers.
///
/// # Errors
/// A variable without a buffer, and a buffer behind two variables.
pub fn bind(
    program: &Program,
    buffers: &mut [Buffer],
    params: &[u32],
    textures: &[(&str, &str)],
) -> Result<Bound> {
    let find = |global: &Global| {
        let nothing = || Refusal::new(format!("nothing is bound to {}", global.name));
        buffer_of(buffers, global, textures).ok_or_else(nothing)
    };
    let mut sources = Vec::new();
    for global in &program.globals {
        let source = match global.space {
            Space::Storage { .. } => Some(find(global)?),
            _ => None,
        };
        if source.is_some() && sources.contains(&source) {
            return Err(Refusal::new(format!("{}: its buffer is bound twice", global.name)));
        }
        sources.push(source);
    }
    let mut memory = Vec::new();
    for global in &program.globals {
        memory.push(match global.space {
            Space::Uniform => {
                let mut words = cells_of(global, params.to_vec());
                words.resize(words.len().max(global.cells as usize), 0);
                words
            }
            Space::Workgroup => vec![0; global.cells as usize],
            Space::Texture => buffers[find(global)?].words.clone(),
            Space::Storage { .. } => Vec::new(),
        });
    }
    for ((global, cells), source) in program.globals.iter().zip(&mut memory).zip(&sources) {
        let Some(source) = *source else { continue };
        let words = std::mem::take(&mut buffers[source].words);
        *cells = cells_of(global, words);
        if cells.len() < global.cells as usize {
            return Err(Refusal::new(format!("{}: its buffer is too small", global.name)));
        }
    }
    Ok(Bound { memory, sources })
}

impl Bound {
    /// What is known of the variables' cells.
    pub fn shadows(&self, program: &Program, buffers: &mut [Buffer]) -> Vec<Shadow> {
        let mut shadows = Vec::new();
        for ((global, cells), source) in program.globals.iter().zip(&self.memory).zip(&self.sources) {
            let Some(source) = *source else {
                shadows.push(Shadow::default());
                continue;
            };
            let mut shadow = std::mem::take(&mut buffers[source].shadow);
            let is_written = global.space == Space::Storage { writable: true };
            if is_written || !shadow.is_known {
                if !shadow.records.is_empty() && shadow.records.len() != cells.len() {
                    // Seen with another width before: who wrote what is lost.
                    shadow.is_known = true;
                }
                shadow.records.resize(cells.len(), Record::default());
            }
            shadows.push(shadow);
        }
        shadows
    }

    /// Gives the buffers back what is in the memory.
    pub fn release(self, program: &Program, buffers: &mut [Buffer], shadows: Option<Vec<Shadow>>) {
        for ((global, cells), source) in program.globals.iter().zip(self.memory).zip(&self.sources) {
            if let Some(source) = *source {
                buffers[source].words = if global.width == 2 { words(&cells) } else { cells };
            }
        }
        for (shadow, source) in shadows.into_iter().flatten().zip(&self.sources) {
            if let Some(source) = *source {
                buffers[source].shadow = shadow;
            }
        }
    }
}

/// A variable's cells, from the words that it is bound to.
fn cells_of(global: &Global, words: Vec<u32>) -> Vec<u32> {
    if global.width == 2 { halves(&words) } else { words }
}

/// Two halves a word, each as the f32 of the same value.
fn halves(words: &[u32]) -> Vec<u32> {
    let half = |bits: u16| half::f16::from_bits(bits).to_f32().to_bits();
    words.iter().flat_map(|&word| [half(word as u16), half((word >> 16) as u16)]).collect()
}

fn words(halves: &[u32]) -> Vec<u32> {
    let bits = |cell: u32| u32::from(half::f16::from_f32(f32::from_bits(cell)).to_bits());
    halves.chunks(2).map(|pair| bits(pair[0]) | pair.get(1).map_or(0, |&cell| bits(cell)) << 16).collect()
}
