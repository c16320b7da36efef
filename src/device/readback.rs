//! Copying back to the host.

use super::connection::Connection;
use crate::error::Result;
use futures_channel::oneshot;
use std::cell::RefCell;
use std::rc::Rc;
use web_time::Instant;

/// Bytes that small read-backs, such as a step's loss, get: any of them can then be used again for any other.
const SMALL: u64 = 4096;

/// Makes read-backs. Small buffers that were read are used again: a training step makes no new one.
pub(super) struct Readbacks {
    connection: Rc<Connection>,
    used: RefCell<Vec<wgpu::Buffer>>,
}

impl Readbacks {
    pub fn new(connection: Rc<Connection>) -> Rc<Readbacks> {
        Rc::new(Readbacks { connection, used: RefCell::default() })
    }

    /// A buffer to copy `bytes` bytes into.
    pub fn buffer(&self, bytes: u64) -> wgpu::Buffer {
        let used = if bytes <= SMALL { self.used.borrow_mut().pop() } else { None };
        used.unwrap_or_else(|| {
            self.connection.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("read back"),
                size: bytes.max(SMALL),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
    }

    /// Starts reading the first `bytes` bytes of a `buffer` that `submission` copies into.
    pub fn start(
        self: &Rc<Self>,
        buffer: wgpu::Buffer,
        bytes: u64,
        submission: wgpu::SubmissionIndex,
    ) -> Readback {
        let (done, mapped) = oneshot::channel();
        buffer.map_async(wgpu::MapMode::Read, ..bytes, move |result| {
            // Nobody receives it where the read-back was dropped.
            let _ = done.send(result.map(|()| Instant::now()));
        });
        Readback { source: self.clone(), buffer, bytes, submission, mapped }
    }
}

/// Values on their way to the host.
pub(crate) struct Readback {
    source: Rc<Readbacks>,
    buffer: wgpu::Buffer,
    bytes: u64,
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "a browser needs no driving"))]
    submission: wgpu::SubmissionIndex,
    mapped: oneshot::Receiver<std::result::Result<Instant, wgpu::BufferAsyncError>>,
}

impl Readback {
    /// The values, and when the driver was seen to be done with them, which may be before anybody awaited them.
    pub async fn finish(self) -> Result<(Vec<u32>, Instant)> {
        let Readbacks { connection, used } = &*self.source;
        #[cfg(not(target_arch = "wasm32"))]
        connection.drive(&self.submission)?;
        let mapped = self.mapped.await;
        connection.check()?;
        let mapped = mapped.map_err(|why| connection.lost(why))?;
        let completed = mapped.map_err(|why| connection.lost(why))?;
        let view = self.buffer.get_mapped_range(..self.bytes).map_err(|why| connection.lost(why))?;
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        self.buffer.unmap();
        if self.buffer.size() == SMALL {
            used.borrow_mut().push(self.buffer);
        }
        Ok((values, completed))
    }
}
