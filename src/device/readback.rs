//! Copying back to the host.

use super::gpu::Gpu;
use crate::error::{Result, error};
use std::cell::RefCell;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How long to wait for the device before giving it up. Software adapters are slow, so it is generous.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Bytes that small read-backs, such as a step's loss, get: any of them can then be used again for any other.
const SMALL: u64 = 4096;

/// Small buffers that were read and can be used again: a training step makes no new one.
#[derive(Default)]
pub(super) struct Readbacks(RefCell<Vec<wgpu::Buffer>>);

impl Readbacks {
    fn take(&self, device: &wgpu::Device, bytes: u64) -> wgpu::Buffer {
        let used = if bytes <= SMALL { self.0.borrow_mut().pop() } else { None };
        used.unwrap_or_else(|| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("read back"),
                size: bytes.max(SMALL),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
    }

    fn put(&self, buffer: wgpu::Buffer) {
        if buffer.size() == SMALL {
            self.0.borrow_mut().push(buffer);
        }
    }
}

impl Gpu {
    /// Submits copies of (buffer, offset, bytes), one after the other, that the host can read once all
    /// work so far is done.
    pub fn copy_out(&self, parts: &[(&wgpu::Buffer, u64, u64)]) -> Result<Staging> {
        let len = parts.iter().map(|part| part.2).sum();
        let buffer = self.readbacks.take(&self.device, len);
        self.check()?;
        let mut recording = self.recording.borrow_mut();
        let encoder = self.encoder(&mut recording);
        let mut end = 0;
        for &(source, offset, bytes) in parts {
            encoder.copy_buffer_to_buffer(source, offset, &buffer, end, bytes);
            end += bytes;
        }
        drop(recording);
        let submission = self.submit()?.expect("a copy was just recorded");
        let (done, mapped) = std::sync::mpsc::channel();
        buffer.map_async(wgpu::MapMode::Read, ..len, move |result| {
            let _ = done.send(result.map(|()| Instant::now()));
        });
        Ok(Staging { buffer, len, submission, mapped })
    }

    /// Waits for the copies and reads them; also says when the driver was seen to be done with them, which
    /// may be before anybody waited.
    pub fn read(&self, staging: Staging) -> Result<(Vec<u32>, Instant)> {
        let wait =
            wgpu::PollType::Wait { submission_index: Some(staging.submission), timeout: Some(TIMEOUT) };
        let polled = self.device.poll(wait);
        self.check()?;
        let lost = |why: &dyn std::fmt::Display| error!(DeviceLost, "{} does not answer: {why}", self.name);
        polled.map_err(|why| lost(&why))?;
        let mapped = staging.mapped.recv().map_err(|why| lost(&why))?;
        let completed = mapped.map_err(|why| lost(&why))?;
        let view = staging.buffer.get_mapped_range(..staging.len).map_err(|why| lost(&why))?;
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        staging.buffer.unmap();
        self.readbacks.put(staging.buffer);
        Ok((values, completed))
    }
}

/// Copies on their way to the host.
pub(crate) struct Staging {
    buffer: wgpu::Buffer,
    /// Bytes of it that are read.
    len: u64,
    submission: wgpu::SubmissionIndex,
    mapped: Receiver<std::result::Result<Instant, wgpu::BufferAsyncError>>,
}
