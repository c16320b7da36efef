//! Bind groups: which buffers and textures a dispatch sees.

use super::pipeline::Pipeline;
use std::cell::RefCell;
use std::collections::HashMap;

/// Part of a buffer, by its name in shaders.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub name: &'static str,
    pub buffer: &'a wgpu::Buffer,
    /// In bytes, as `len`.
    pub offset: u64,
    pub len: u64,
}

/// What one binding of a shader sees.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Bound {
    Buffer { buffer: wgpu::Buffer, offset: u64, len: u64 },
    Texture(wgpu::TextureView),
}

/// Groups that are kept: some steps' worth, of whatever batches there are.
const KEPT: usize = 4096;

/// Groups that were made before: a training step gets the same memory from the pool as the one before it, so it binds
/// the same things, and making a group takes longer than recording a dispatch.
#[derive(Default)]
pub(super) struct BindGroups(RefCell<HashMap<Key, wgpu::BindGroup>>);

type Key = (wgpu::ComputePipeline, Vec<(u32, Bound)>);

impl BindGroups {
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// The group of `bound`, each with its binding number; errors reach the device's error handler.
    pub fn get(
        &self,
        device: &wgpu::Device,
        pipeline: &Pipeline,
        bound: Vec<(u32, Bound)>,
    ) -> wgpu::BindGroup {
        let mut groups = self.0.borrow_mut();
        if groups.len() == KEPT {
            groups.clear();
        }
        let key = (pipeline.inner.clone(), bound);
        if let Some(group) = groups.get(&key) {
            return group.clone();
        }
        let entries: Vec<_> = key.1.iter().map(|(binding, bound)| entry(*binding, bound)).collect();
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        });
        groups.insert(key, group.clone());
        group
    }
}

fn entry(binding: u32, bound: &Bound) -> wgpu::BindGroupEntry<'_> {
    let resource = match bound {
        Bound::Buffer { buffer, offset, len } => wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer,
            offset: *offset,
            size: std::num::NonZeroU64::new(*len),
        }),
        Bound::Texture(view) => wgpu::BindingResource::TextureView(view),
    };
    wgpu::BindGroupEntry { binding, resource }
}
