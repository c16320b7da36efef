//! Timestamps around the passes of a submit: the device's own clock.

use super::connection::Connection;
use super::profile::{Label, Profile, Span};
use super::readback::{Readback, Readbacks};
use crate::error::Result;
use std::rc::Rc;
use web_time::Instant;

/// Bytes of one timestamp.
const TICKS: u64 = 8;

/// Times every pass of every submit.
pub(super) struct Timer {
    connection: Rc<Connection>,
    readbacks: Rc<Readbacks>,
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// Seconds of one tick.
    period: f64,
    /// What the passes recorded since the last submit are.
    labels: Vec<Label>,
    submitted: Vec<Times>,
}

impl Timer {
    /// For submits of up to `passes` passes; `None` where the adapter has no timestamps.
    pub fn new(connection: Rc<Connection>, readbacks: Rc<Readbacks>, passes: u32) -> Option<Timer> {
        let Connection { device, queue, .. } = &*connection;
        if !device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        Some(Timer {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * passes,
            }),
            resolved: device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size: u64::from(2 * passes) * TICKS,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            }),
            period: f64::from(queue.get_timestamp_period()) * 1e-9,
            labels: Vec::new(),
            submitted: Vec::new(),
            readbacks,
            connection,
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

    /// Submits the passes in `encoder`, and behind them the copies that make their timestamps readable.
    pub fn submit(&mut self, mut encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        let queue = &self.connection.queue;
        let labels = std::mem::take(&mut self.labels);
        if labels.is_empty() {
            return queue.submit([encoder.finish()]);
        }
        let count = 2 * labels.len() as u32;
        let bytes = u64::from(count) * TICKS;
        let buffer = self.readbacks.buffer(bytes);
        encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &buffer, 0, bytes);
        let submitted = Instant::now();
        let submission = queue.submit([encoder.finish()]);
        let ticks = self.readbacks.start(buffer, bytes, submission.clone());
        self.submitted.push(Times { labels, ticks, period: self.period, submitted });
        submission
    }

    /// The times of every submit since the last call.
    pub fn take(&mut self) -> Vec<Times> {
        std::mem::take(&mut self.submitted)
    }
}

/// When the passes of one submit began and ended, on its way to the host.
pub(super) struct Times {
    labels: Vec<Label>,
    ticks: Readback,
    period: f64,
    submitted: Instant,
}

impl Times {
    /// Adds them to `profile` once the submit is done.
    pub async fn add_to(self, profile: &Profile) -> Result<()> {
        let (words, _) = self.ticks.finish().await?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&words);
        for (label, ticks) in self.labels.into_iter().zip(ticks.chunks_exact(2)) {
            let [start, end] = [ticks[0], ticks[1]].map(|ticks| ticks as f64 * self.period);
            profile.add(label, start, end, self.submitted);
        }
        Ok(())
    }
}

/// Reads `times` and gives all spans of `profile`.
pub(super) async fn spans(profile: Option<Rc<Profile>>, times: Vec<Times>) -> Result<Vec<Span>> {
    let Some(profile) = profile else { return Ok(Vec::new()) };
    for times in times {
        times.add_to(&profile).await?;
    }
    Ok(profile.take())
}
