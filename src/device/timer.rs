//! Timestamps around the passes of a submit.

use super::profile::{Label, Profile};
use std::rc::Rc;

/// Passes of one submit that can be timed: as many as it has uniform slots.
const PASSES: u32 = super::gpu::SLOTS as u32;

/// Times every pass of a submit. It waits for each submit, so steps no longer overlap with the host;
/// the timestamps themselves are the device's own.
pub(super) struct Timer {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readable: wgpu::Buffer,
    /// Seconds of one tick.
    period: f64,
    labels: Vec<Label>,
    profile: Rc<Profile>,
}

impl Timer {
    /// `None` where the adapter has no timestamps.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, profile: Rc<Profile>) -> Option<Timer> {
        if !device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size: u64::from(2 * PASSES) * 8,
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        Some(Timer {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * PASSES,
            }),
            resolved: buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            readable: buffer(wgpu::BufferUsages::MAP_READ),
            period: f64::from(queue.get_timestamp_period()) * 1e-9,
            labels: Vec::new(),
            profile,
        })
    }

    /// Where the next pass is to write its timestamps.
    pub fn next_pass(&mut self, label: Label) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = 2 * self.labels.len() as u32;
        self.labels.push(label);
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Records the copies that make the timestamps readable.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        let count = 2 * self.labels.len() as u32;
        if count > 0 {
            encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
            encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.readable, 0, u64::from(count) * 8);
        }
    }

    /// Waits for the submit and turns its timestamps into spans. A device that was lost gives none: the
    /// caller's next check reports it.
    pub fn collect(&mut self, device: &wgpu::Device) {
        let labels = std::mem::take(&mut self.labels);
        if labels.is_empty() {
            return;
        }
        self.readable.map_async(wgpu::MapMode::Read, .., |_| ());
        if device.poll(wgpu::PollType::wait_indefinitely()).is_err() {
            return;
        }
        if let Ok(view) = self.readable.get_mapped_range(..) {
            let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&view);
            for (label, ticks) in labels.into_iter().zip(ticks.chunks_exact(2)) {
                let [start, end] = [ticks[0], ticks[1]].map(|ticks| ticks as f64 * self.period);
                self.profile.add(label, start, end);
            }
        }
        self.readable.unmap();
    }
}
