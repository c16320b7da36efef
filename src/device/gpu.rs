//! One opened adapter: recording, submitting and reading back.
//!
//! Work is recorded into one command encoder and handed over in submits. The values of `Params` that
//! differ between dispatches live in separate slots of one uniform buffer, written once per submit.

use super::bindings::{BindGroups, Bound, Part};
use super::pipeline::{Pipeline, Shader};
use super::precision;
use super::profile::{Label, Profile};
use super::readback::Readbacks;
use super::textures::Textures;
use super::timer::Timer;
use super::{Limits, Precision};
use crate::error::{Error, ErrorKind, Result, error};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Bytes from one uniform slot to the next: WebGPU's default `min_uniform_buffer_offset_alignment`.
const SLOT: u64 = 256;
/// Uniform slots of one submit.
pub(super) const SLOTS: u64 = 512;

pub(crate) struct Gpu {
    pub device: wgpu::Device,
    queue: wgpu::Queue,
    pub(super) name: String,
    /// FLOP after which a submit is closed.
    max_submit_flop: f64,
    uniforms: wgpu::Buffer,
    pub(super) recording: RefCell<Recording>,
    shaders: RefCell<HashMap<String, Shader>>,
    pipelines: RefCell<HashMap<PipelineKey, Rc<Pipeline>>>,
    failure: Arc<Mutex<Option<Error>>>,
    textures: Textures,
    bind_groups: BindGroups,
    pub(super) readbacks: Readbacks,
    /// While a profile is made.
    timer: RefCell<Option<Timer>>,
}

/// Shader file, entry point, and the bits of the values of its overrides.
type PipelineKey = (String, String, Vec<u64>);

/// What is recorded since the last submit.
#[derive(Default)]
pub(super) struct Recording {
    encoder: Option<wgpu::CommandEncoder>,
    slots: Vec<u8>,
    flop: f64,
}

impl Gpu {
    pub async fn open(adapter: &wgpu::Adapter, name: &str, limits: &Limits) -> Result<Gpu> {
        let precision = if limits.tensor_cores { Precision::Mixed } else { Precision::F32 };
        let (required_features, experimental_features) = precision::features(adapter, precision);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("pawgrad"),
            required_features,
            experimental_features,
            // Defaults end at 128 MiB bindings; what the adapter can do must be asked for.
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|why| error!(NoDevice, "{name} could not be opened: {why}"))?;

        // Without a handler wgpu panics on the first error. The first one is kept: it is the cause.
        let failure = Arc::new(Mutex::new(None));
        let keep = failure.clone();
        device.on_uncaptured_error(Arc::new(move |why: wgpu::Error| {
            let kind = match why {
                wgpu::Error::OutOfMemory { .. } => ErrorKind::OutOfMemory,
                _ => ErrorKind::Other,
            };
            keep.lock().unwrap().get_or_insert(Error::new(kind, why.to_string()));
        }));
        let keep = failure.clone();
        device.set_device_lost_callback(move |reason, why| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                keep.lock().unwrap().get_or_insert(error!(DeviceLost, "the device was lost: {why}"));
            }
        });

        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: SLOT * SLOTS,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let (recording, shaders, pipelines, textures, bind_groups, readbacks, timer) = Default::default();
        let (name, max_submit_flop) = (name.to_string(), limits.max_submit_flop as f64);
        Ok(Gpu {
            device,
            queue,
            name,
            max_submit_flop,
            uniforms,
            recording,
            shaders,
            pipelines,
            textures,
            bind_groups,
            readbacks,
            failure,
            timer,
        })
    }

    /// The first error that the driver reported, made readable.
    pub(super) fn check(&self) -> Result<()> {
        match &*self.failure.lock().unwrap() {
            None => Ok(()),
            Some(failure) if failure.kind == ErrorKind::OutOfMemory => Err(error!(
                OutOfMemory,
                "{} is out of memory: use a smaller --micro-batch or --image-size, or --device cpu",
                self.name
            )),
            Some(failure) => Err(Error::new(failure.kind, format!("{}: {}", self.name, failure.message))),
        }
    }

    pub fn create_buffer(&self, bytes: u64) -> Result<wgpu::Buffer> {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.check()?;
        Ok(buffer)
    }

    /// `entry` of the shader file known as `file`, compiled the first time for these `constants`, a value for every
    /// `override` that the file may declare.
    pub fn pipeline(
        &self,
        file: &str,
        source: &str,
        entry: &str,
        constants: &[(&str, f64)],
    ) -> Result<Rc<Pipeline>> {
        let mut shaders = self.shaders.borrow_mut();
        if !shaders.contains_key(file) {
            shaders.insert(file.to_string(), Shader::new(&self.device, file, source));
        }
        let shader = &shaders[file];
        // Other sizes change nothing, so they are no part of the key.
        let constants = shader.declared(constants);
        let values = constants.iter().map(|(_, value)| value.to_bits()).collect();
        let key = (file.to_string(), entry.to_string(), values);
        if let Some(pipeline) = self.pipelines.borrow().get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = Rc::new(Pipeline::new(&self.device, shader, entry, &constants));
        self.check()?;
        self.pipelines.borrow_mut().insert(key, pipeline.clone());
        Ok(pipeline)
    }

    /// Times every pass from now on.
    pub(super) fn start_timer(&self, profile: Rc<Profile>) -> Result<()> {
        self.submit()?;
        let timer = Timer::new(&self.device, &self.queue, profile);
        let timer = timer
            .ok_or_else(|| error!(Usage, "{} has no timestamps, so it cannot be profiled", self.name))?;
        self.timer.replace(Some(timer));
        Ok(())
    }

    /// Times no pass any more.
    pub(super) fn stop_timer(&self) -> Result<()> {
        self.submit()?;
        self.timer.replace(None);
        Ok(())
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
        let mut bound = vec![(0, bind(&self.uniforms, slot, (params.len() as u64 * 4).next_multiple_of(16)))];
        for part in buffers {
            bound.push((pipeline.bindings[part.name], bind(part.buffer, part.offset, part.len)));
        }
        for (name, part) in textures {
            let (view, is_new) = self.textures.copy(&self.device, self.encoder(&mut recording), name, part);
            if is_new {
                // They hold on to the smaller texture that this one takes the place of.
                self.bind_groups.clear();
            }
            bound.push((pipeline.bindings[*name], Bound::Texture(view)));
        }
        let bind_group = self.bind_groups.get(&self.device, pipeline, bound);
        let mut timer = self.timer.borrow_mut();
        let descriptor = wgpu::ComputePassDescriptor {
            label: Some(label.kernel),
            timestamp_writes: timer.as_mut().map(|timer| timer.next_pass(label)),
        };
        let mut pass = self.encoder(&mut recording).begin_compute_pass(&descriptor);
        pass.set_pipeline(&pipeline.inner);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
        Ok(())
    }

    /// Closes the submit when another dispatch of `flop` would make it too long.
    fn submit_if_full(&self, flop: f64) -> Result<()> {
        let recording = self.recording.borrow();
        let no_slot = recording.slots.len() as u64 == SLOT * SLOTS;
        let too_long = recording.flop > 0.0 && recording.flop + flop > self.max_submit_flop;
        drop(recording);
        if no_slot || too_long { self.submit().map(|_| ()) } else { Ok(()) }
    }

    pub(super) fn encoder<'a>(&self, recording: &'a mut Recording) -> &'a mut wgpu::CommandEncoder {
        recording.encoder.get_or_insert_with(|| self.device.create_command_encoder(&Default::default()))
    }

    /// Writes `bytes` into `buffer`, after everything recorded so far.
    pub fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        // `write_buffer` acts before the commands of the next submit, and recorded commands may still
        // use this memory for the tensor that had it before.
        self.submit()?;
        self.queue.write_buffer(buffer, offset, bytes);
        self.check()
    }

    /// Sets `bytes` bytes of `buffer` to zero, after everything recorded so far.
    pub fn clear(&self, buffer: &wgpu::Buffer, offset: u64, bytes: u64) {
        self.encoder(&mut self.recording.borrow_mut()).clear_buffer(buffer, offset, Some(bytes));
    }

    /// Hands the recorded commands to the device.
    pub fn submit(&self) -> Result<Option<wgpu::SubmissionIndex>> {
        let Recording { encoder, slots, .. } = self.recording.take();
        let Some(mut encoder) = encoder else { return Ok(None) };
        if !slots.is_empty() {
            self.queue.write_buffer(&self.uniforms, 0, &slots);
        }
        let mut timer = self.timer.borrow_mut();
        if let Some(timer) = &*timer {
            timer.resolve(&mut encoder);
        }
        let submission = self.queue.submit([encoder.finish()]);
        if let Some(timer) = &mut *timer {
            timer.collect(&self.device);
        }
        self.check()?;
        Ok(Some(submission))
    }
}
