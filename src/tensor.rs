//! A block of numbers on a device: (memory, offset, shape).
//!
//! Cloning is cheap and shares the memory; a view is a clone with another shape or a window of rows.
//! Tensors are row-major; images are NCHW.

use crate::device::memory::room;
use crate::device::readback::Readback;
use crate::device::{Device, Memory, Place};
use crate::error::Result;
use std::cell::{Ref, RefMut};
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use web_time::Instant;

/// What the 4-byte values of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    F32,
    U32,
}

#[derive(Clone)]
pub struct Tensor {
    storage: Rc<Storage>,
    offset: usize,
    shape: Vec<usize>,
    kind: Kind,
}

struct Storage {
    device: Device,
    /// `None` only while it goes back to the pool.
    memory: Option<Memory>,
    /// How many were asked for; the memory may hold more.
    words: usize,
    /// No two have the same, also where one was freed before the other was made.
    number: u64,
}

impl Drop for Storage {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.device.free(memory, self.words);
        }
    }
}

impl Tensor {
    /// A tensor whose values are whatever the memory held before.
    ///
    /// # Errors
    /// `OutOfMemory` where the device cannot hold it.
    pub fn empty(device: &Device, shape: &[usize], kind: Kind) -> Result<Tensor> {
        let words = shape.iter().product();
        assert!(words > 0, "a tensor has at least one value, not shape {shape:?}");
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (memory, number) = (Some(device.allocate(words)?), NEXT.fetch_add(1, Ordering::Relaxed));
        let storage = Storage { device: device.clone(), memory, words, number };
        Ok(Tensor { storage: Rc::new(storage), offset: 0, shape: shape.to_vec(), kind })
    }

    pub fn zeros(device: &Device, shape: &[usize], kind: Kind) -> Result<Tensor> {
        let tensor = Tensor::empty(device, shape, kind)?;
        tensor.fill_zero();
        Ok(tensor)
    }

    pub fn from_f32(device: &Device, shape: &[usize], values: &[f32]) -> Result<Tensor> {
        Tensor::from_words(device, shape, Kind::F32, bytemuck::cast_slice(values))
    }

    pub fn from_u32(device: &Device, shape: &[usize], values: &[u32]) -> Result<Tensor> {
        Tensor::from_words(device, shape, Kind::U32, values)
    }

    fn from_words(device: &Device, shape: &[usize], kind: Kind, words: &[u32]) -> Result<Tensor> {
        let tensor = Tensor::empty(device, shape, kind)?;
        tensor.write_words(words)?;
        Ok(tensor)
    }

    /// Replaces all values.
    pub(crate) fn write_words(&self, words: &[u32]) -> Result<()> {
        assert_eq!(words.len(), self.len(), "as many values as shape {:?} has", self.shape);
        match (self.memory(), self.device().gpu()) {
            (Memory::Gpu(buffer), Some(gpu)) => {
                gpu.write(buffer, self.offset as u64 * 4, bytemuck::cast_slice(words))?
            }
            (Memory::OnPaper(_), _) => {}
            _ => self.words_mut().copy_from_slice(words),
        }
        Ok(())
    }

    /// Sets all values to zero.
    pub fn fill_zero(&self) {
        match (self.memory(), self.device().gpu()) {
            (Memory::Gpu(buffer), Some(gpu)) => {
                gpu.clear(buffer, self.offset as u64 * 4, self.len() as u64 * 4)
            }
            (Memory::OnPaper(_), _) => {}
            _ => self.words_mut().fill(0),
        }
    }

    pub fn device(&self) -> &Device {
        &self.storage.device
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Values in all; never 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The same values under another shape.
    pub fn reshape(&self, shape: &[usize]) -> Tensor {
        assert_eq!(shape.iter().product::<usize>(), self.len(), "{:?} as {shape:?}", self.shape);
        Tensor { shape: shape.to_vec(), ..self.clone() }
    }

    /// The same bits read as another kind of value.
    pub(crate) fn with_kind(self, kind: Kind) -> Tensor {
        Tensor { kind, ..self }
    }

    /// A window of the first dimension.
    pub fn rows(&self, rows: Range<usize>) -> Tensor {
        assert!(rows.start < rows.end && rows.end <= self.shape[0], "rows {rows:?} of {:?}", self.shape);
        let row: usize = self.shape[1..].iter().product();
        let mut shape = self.shape.clone();
        shape[0] = rows.len();
        Tensor { shape, offset: self.offset + rows.start * row, ..self.clone() }
    }

    /// Where it lies.
    pub fn place(&self) -> Place {
        Place { memory: self.storage.number, offset: self.offset }
    }

    /// Whether no other tensor shares this memory, so that it may be written in place.
    pub fn is_unique(&self) -> bool {
        Rc::strong_count(&self.storage) == 1
    }

    /// Starts copying to the host; the values are those of now, whatever is recorded later.
    pub fn read_later(tensors: &[&Tensor]) -> Result<Pending> {
        let lengths = tensors.iter().map(|tensor| tensor.len()).collect();
        let words = match tensors[0].device().gpu() {
            Some(gpu) => {
                let parts: Vec<_> = tensors.iter().map(|tensor| tensor.gpu_part()).collect();
                Words::Gpu(gpu.read_later(&parts)?)
            }
            None => {
                let mut values = room(tensors.iter().map(|tensor| tensor.len()).sum())?;
                for tensor in tensors {
                    match tensor.memory() {
                        Memory::OnPaper(_) => values.resize(values.len() + tensor.len(), 0),
                        _ => values.extend_from_slice(&tensor.words()),
                    }
                }
                Words::Cpu(values, Instant::now())
            }
        };
        Ok(Pending { words, lengths })
    }

    /// Waits for the device and reads the values.
    pub async fn read_f32(&self) -> Result<Vec<f32>> {
        Ok(bytemuck::allocation::cast_vec(self.read_u32().await?))
    }

    /// Waits for the device and reads the values' bits.
    pub async fn read_u32(&self) -> Result<Vec<u32>> {
        let (mut values, _) = Tensor::read_later(&[self])?.wait().await?;
        Ok(values.pop().expect("one tensor was asked for"))
    }

    fn memory(&self) -> &Memory {
        self.storage.memory.as_ref().expect("memory is there until the storage is dropped")
    }

    /// Buffer, offset and length in bytes; for tensors of a GPU.
    pub(crate) fn gpu_part(&self) -> (&wgpu::Buffer, u64, u64) {
        match self.memory() {
            Memory::Gpu(buffer) => (buffer, self.offset as u64 * 4, self.len() as u64 * 4),
            Memory::Cpu(_) | Memory::OnPaper(_) => panic!("a tensor of another device was used with a GPU"),
        }
    }

    /// The values in memory; for tensors of the CPU.
    pub(crate) fn words(&self) -> Ref<'_, [u32]> {
        match self.memory() {
            Memory::Cpu(values) => Ref::map(values.borrow(), |values| &values[self.offset..][..self.len()]),
            Memory::Gpu(_) | Memory::OnPaper(_) => panic!("a tensor of another device was used with the CPU"),
        }
    }

    /// The values in memory; for tensors of the CPU. Panics where another tensor is reading them: no
    /// kernel may have one memory as input and as output.
    pub(crate) fn words_mut(&self) -> RefMut<'_, [u32]> {
        match self.memory() {
            Memory::Cpu(values) => {
                RefMut::map(values.borrow_mut(), |values| &mut values[self.offset..][..self.len()])
            }
            Memory::Gpu(_) | Memory::OnPaper(_) => panic!("a tensor of another device was used with the CPU"),
        }
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?} on {}", self.kind, self.shape, self.device().name())
    }
}

/// Values on their way to the host.
pub struct Pending {
    words: Words,
    lengths: Vec<usize>,
}

enum Words {
    Cpu(Vec<u32>, Instant),
    Gpu(Readback),
}

impl Pending {
    /// The values of each tensor, as bits, and when the device was done with them.
    pub async fn wait(self) -> Result<(Vec<Vec<u32>>, Instant)> {
        let (mut all, completed) = match self.words {
            Words::Cpu(values, completed) => (values, completed),
            Words::Gpu(readback) => readback.finish().await?,
        };
        // One large tensor, such as a weight that is saved, is not copied once more.
        if let [len] = self.lengths[..] {
            all.truncate(len);
            return Ok((vec![all], completed));
        }
        let mut rest = all.as_slice();
        let mut take = |&len: &usize| {
            let (values, behind) = rest.split_at(len);
            rest = behind;
            let mut own = room(len)?;
            own.extend_from_slice(values);
            Ok(own)
        };
        Ok((self.lengths.iter().map(&mut take).collect::<Result<_>>()?, completed))
    }
}
