//! Buffers as textures, for adapters that fetch texels faster than they load from buffers.

use super::bindings::Part;
use std::cell::RefCell;
use std::collections::HashMap;

/// Values in a row of a texture: WebGPU's default limit, and the `WIDTH` of shaders that fetch.
pub const WIDTH: u64 = 8192;

/// One texture for each name that shaders use, large enough for all that was copied into it. Dispatches
/// run one after the other, so that the next copy may overwrite it.
#[derive(Default)]
pub(super) struct Textures(RefCell<HashMap<&'static str, (wgpu::Texture, wgpu::TextureView)>>);

impl Textures {
    /// Records the copy of `part`, 4-byte values of a buffer, into the texture `name`, `WIDTH` values to a row. Gives the
    /// texture's view, and whether it is a new one because the old texture was too small.
    pub fn copy(
        &self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        name: &'static str,
        part: &Part,
    ) -> (wgpu::TextureView, bool) {
        let &Part { buffer, offset, len: bytes, .. } = part;
        let row_bytes = WIDTH * 4;
        let (rows, rest) = (bytes / row_bytes, bytes % row_bytes);
        let height = height(bytes) as u32;
        let mut textures = self.0.borrow_mut();
        let is_new = textures.get(name).is_none_or(|(texture, _)| texture.height() < height);
        if is_new {
            let texture = new_texture(device, name, height);
            let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
            textures.insert(name, (texture, view));
        }
        let (texture, view) = &textures[name];
        let mut copy = |row: u64, rows: u64, width: u64| {
            let source = wgpu::TexelCopyBufferInfo {
                buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: offset + row * row_bytes,
                    bytes_per_row: Some(row_bytes as u32),
                    rows_per_image: None,
                },
            };
            let target = wgpu::TexelCopyTextureInfo {
                origin: wgpu::Origin3d { x: 0, y: row as u32, z: 0 },
                ..texture.as_image_copy()
            };
            let size = wgpu::Extent3d { width: width as u32, height: rows as u32, depth_or_array_layers: 1 };
            encoder.copy_buffer_to_texture(source, target, size);
        };
        if rows > 0 {
            copy(0, rows, WIDTH);
        }
        if rest > 0 {
            copy(rows, 1, rest / 4);
        }
        (view.clone(), is_new)
    }
}

/// Rows of a texture for so many bytes: a power of two, because llvmpipe compiles a shader again where a height that was
/// one no longer is.
pub fn height(bytes: u64) -> u64 {
    bytes.div_ceil(WIDTH * 4).next_power_of_two()
}

fn new_texture(device: &wgpu::Device, name: &str, height: u32) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some(name),
        size: wgpu::Extent3d { width: WIDTH as u32, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::R32Float,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}
