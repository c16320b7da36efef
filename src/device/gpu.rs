//! One opened adapter: recording and submitting.
//!
//! Work is recorded into one command encoder and handed over in submits. The values of `Params` that
//! differ between dispatches live in separate slots of one uniform buffer, written once per submit.

use super::bindings::{BindGroups, Bound, Part};
use super::connection::Connection;
use super::pipeline::{Checks, Pipeline, Shader};
use super::profile::Label;
use super::readback::{Readback, Readbacks};
use super::textures::Textures;
use super::timer::{Timer, Times};
use crate::error::{Result, error};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Bytes from one uniform slot to the next: WebGPU's default `min_uniform_buffer_offset_alignment`.
const SLOT: u64 = 256;
/// Uniform slots of one submit.
const SLOTS: u64 = 512;
/// FLOP after which what is recorded is handed over, so that a GPU works on it while the host records the rest: a millisecond
/// or less. A submit takes some 0.03 ms.
const FEW_FLOP: f64 = 2e10;

pub(crate) struct Gpu {
    connection: Rc<Connection>,
    /// FLOP after which a submit is closed.
    max_submit_flop: f64,
    /// Whether the device has processors of its own.
    submits_early: bool,
    uniforms: wgpu::Buffer,
    recording: RefCell<Recording>,
    shaders: RefCell<HashMap<String, Shader>>,
    /// The checks that shaders are compiled with, where these are not those that are shipped.
    checks: Cell<Option<Checks>>,
    pipelines: RefCell<HashMap<PipelineKey, Rc<Pipeline>>>,
    textures: Textures,
    bind_groups: BindGroups,
    readbacks: Rc<Readbacks>,
    /// While a profile is made.
    timer: RefCell<Option<Timer>>,
}

/// Shader file, entry point, and the bits of the values of its overrides.
type PipelineKey = (String, String, Vec<u64>);

/// What is recorded since the last submit.
#[derive(Default)]
struct Recording {
    encoder: Option<wgpu::CommandEncoder>,
    slots: Vec<u8>,
    flop: f64,
}

impl Gpu {
    /// Records for the adapter behind `connection`, and closes a submit before it passes `max_submit_flop`.
    pub(super) fn new(connection: Connection, max_submit_flop: u64, software: bool) -> Gpu {
        let connection = Rc::new(connection);
        let uniforms = connection.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: SLOT * SLOTS,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let (recording, shaders, pipelines, textures, bind_groups, timer) = Default::default();
        Gpu {
            readbacks: Readbacks::new(connection.clone()),
            connection,
            max_submit_flop: max_submit_flop as f64,
            submits_early: !software,
            uniforms,
            recording,
            shaders,
            checks: Cell::new(None),
            pipelines,
            textures,
            bind_groups,
            timer,
        }
    }

    /// Compiles what was not compiled yet with these checks.
    pub(super) fn set_checks(&self, checks: Checks) {
        self.checks.set(Some(checks));
    }

    pub fn create_buffer(&self, bytes: u64) -> Result<wgpu::Buffer> {
        // What went wrong before has nothing to do with this buffer.
        self.connection.check()?;
        let buffer = self.connection.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.connection.check_new()?;
        Ok(buffer)
    }

    /// `entry` of the shader file known as `file`, compiled the first time for these `constants`, a value for every
    /// `override` that the file may declare.
    pub fn pipeline(
        &self,
        (file, trusted): (&str, bool),
        source: impl FnOnce() -> Cow<'static, str>,
        entry: &str,
        constants: &[(&str, f64)],
    ) -> Result<Rc<Pipeline>> {
        let mut shaders = self.shaders.borrow_mut();
        if !shaders.contains_key(file) {
            let checks = self.checks.get().unwrap_or(Checks::shipped(trusted));
            shaders.insert(file.to_string(), Shader::new(&self.connection.device, file, &source(), checks));
        }
        let shader = &shaders[file];
        // Other sizes change nothing, so they are no part of the key.
        let constants = shader.declared(constants);
        let values = constants.iter().map(|(_, value)| value.to_bits()).collect();
        let key = (file.to_string(), entry.to_string(), values);
        if let Some(pipeline) = self.pipelines.borrow().get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = Rc::new(Pipeline::new(&self.connection.device, shader, entry, &constants));
        self.connection.check()?;
        self.pipelines.borrow_mut().insert(key, pipeline.clone());
        Ok(pipeline)
    }

    /// Times every pass from now on.
    pub(super) fn start_timer(&self) -> Result<()> {
        self.submit()?;
        let timer = Timer::new(self.connection.clone(), self.readbacks.clone(), SLOTS as u32);
        let name = &self.connection.name;
        let timer =
            timer.ok_or_else(|| error!(Usage, "{name} has no timestamps, so it cannot be profiled"))?;
        self.timer.replace(Some(timer));
        Ok(())
    }

    /// The times of every submit since the last call; nothing unless a timer was started.
    pub(super) fn take_times(&self) -> Vec<Times> {
        self.timer.borrow_mut().as_mut().map_or_else(Vec::new, Timer::take)
    }

    /// Times no pass any more; gives what [`take_times`](Gpu::take_times) would.
    pub(super) fn stop_timer(&self) -> Result<Vec<Times>> {
        self.submit()?;
        Ok(self.timer.take().map_or_else(Vec::new, |mut timer| timer.take()))
    }

    /// Records one dispatch that sees `buffers`, and each of `textures` with the values of the part beside it.
    pub fn dispatch(
        &self,
        pipeline: &Pipeline,
        params: &[u32],
        buffers: &[Part],
        textures: &[(&'static str, Part)],
        groups: [u32; 3],
        label: Label,
    ) -> Result<()> {
        let (flop, label) = (label.flop, Label { groups: Some(groups), ..label });
        self.submit_if_full(flop)?;
        let mut recording = self.recording.borrow_mut();
        let slot = recording.slots.len() as u64;
        recording.slots.extend_from_slice(bytemuck::cast_slice(params));
        recording.slots.resize((slot + SLOT) as usize, 0);
        recording.flop += flop;

        let bind = |buffer: &wgpu::Buffer, offset, len| Bound::Buffer { buffer: buffer.clone(), offset, len };
        let mut bound = Vec::new();
        // A pass that takes its sizes from overrides, or from the grid, may need no params.
        if let Some(&number) = pipeline.bindings.get("p") {
            bound.push((number, bind(&self.uniforms, slot, (params.len() as u64 * 4).next_multiple_of(16))));
        }
        for part in buffers {
            bound.push((pipeline.bindings[part.name], bind(part.buffer, part.offset, part.len)));
        }
        for (name, part) in textures {
            let (view, is_new) =
                self.textures.copy(&self.connection.device, self.encoder(&mut recording), name, part);
            if is_new {
                // They hold on to the smaller texture that this one takes the place of.
                self.bind_groups.clear();
            }
            bound.push((pipeline.bindings[*name], Bound::Texture(view)));
        }
        let bind_group = self.bind_groups.get(&self.connection.device, pipeline, bound);
        let mut timer = self.timer.borrow_mut();
        let descriptor = wgpu::ComputePassDescriptor {
            label: Some(label.kernel),
            timestamp_writes: timer.as_mut().map(|timer| timer.next_pass(label)),
        };
        let mut pass = self.encoder(&mut recording).begin_compute_pass(&descriptor);
        pass.set_pipeline(&pipeline.inner);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
        drop(pass);
        drop(timer);
        let is_enough = recording.flop >= FEW_FLOP;
        drop(recording);
        if is_enough && self.submits_early { self.submit().map(|_| ()) } else { Ok(()) }
    }

    /// Closes the submit when another dispatch of `flop` would make it too long.
    fn submit_if_full(&self, flop: f64) -> Result<()> {
        let recording = self.recording.borrow();
        let no_slot = recording.slots.len() as u64 == SLOT * SLOTS;
        let too_long = recording.flop > 0.0 && recording.flop + flop > self.max_submit_flop;
        drop(recording);
        if no_slot || too_long { self.submit().map(|_| ()) } else { Ok(()) }
    }

    fn encoder<'a>(&self, recording: &'a mut Recording) -> &'a mut wgpu::CommandEncoder {
        recording
            .encoder
            .get_or_insert_with(|| self.connection.device.create_command_encoder(&Default::default()))
    }

    /// Writes `bytes` into `buffer`, after everything recorded so far.
    pub fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        // `write_buffer` acts before the commands of the next submit, and recorded commands may still
        // use this memory for the tensor that had it before.
        self.submit()?;
        self.connection.queue.write_buffer(buffer, offset, bytes);
        self.connection.check()
    }

    /// Sets `bytes` bytes of `buffer` to zero, after everything recorded so far.
    pub fn clear(&self, buffer: &wgpu::Buffer, offset: u64, bytes: u64) {
        self.encoder(&mut self.recording.borrow_mut()).clear_buffer(buffer, offset, Some(bytes));
    }

    /// Hands the recorded commands to the device.
    pub fn submit(&self) -> Result<Option<wgpu::SubmissionIndex>> {
        let Recording { encoder, slots, .. } = self.recording.take();
        let Some(encoder) = encoder else { return Ok(None) };
        if !slots.is_empty() {
            self.connection.queue.write_buffer(&self.uniforms, 0, &slots);
        }
        let submission = match &mut *self.timer.borrow_mut() {
            Some(timer) => timer.submit(encoder),
            None => self.connection.queue.submit([encoder.finish()]),
        };
        self.connection.check()?;
        Ok(Some(submission))
    }

    /// Submits copies of (buffer, offset, bytes), one after the other, that the host can read once all
    /// work so far is done.
    pub fn read_later(&self, parts: &[(&wgpu::Buffer, u64, u64)]) -> Result<Readback> {
        let bytes = parts.iter().map(|part| part.2).sum();
        self.connection.check()?;
        let target = self.readbacks.buffer(bytes);
        self.connection.check_new()?;
        let mut recording = self.recording.borrow_mut();
        let encoder = self.encoder(&mut recording);
        let mut end = 0;
        for &(buffer, offset, bytes) in parts {
            encoder.copy_buffer_to_buffer(buffer, offset, &target, end, bytes);
            end += bytes;
        }
        drop(recording);
        let submission = self.submit()?.expect("a copy was just recorded");
        Ok(self.readbacks.start(target, bytes, submission))
    }
}
