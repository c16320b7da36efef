//! What libjpeg reads: the coefficients of all blocks. All of what is not safe stands here.

use crate::data::skip::Skip;
use mozjpeg_sys as libjpeg;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::{c_int, c_ulong};
use std::panic::resume_unwind;

pub use libjpeg::J_COLOR_SPACE as ColorSpace;

/// The coefficients of 8 x 8 samples, as they are stored.
pub type Block = libjpeg::JBLOCK;

/// A file whose coded data were read.
pub struct Coefficients<'a> {
    info: Box<libjpeg::jpeg_decompress_struct>,
    _errors: Box<libjpeg::jpeg_error_mgr>,
    arrays: *mut *mut libjpeg::jvirt_barray_control,
    pub channels: Vec<Channel>,
    file: PhantomData<&'a [u8]>,
}

/// The blocks of a channel.
pub struct Channel {
    /// Samples across and down, for each unit of the frame.
    pub sampling: [usize; 2],
    /// Blocks in a row, and rows.
    pub blocks: [usize; 2],
    /// What coefficients are to be multiplied by.
    pub steps: [u16; 64],
}

impl<'a> Coefficients<'a> {
    /// Reads all coded data.
    ///
    /// # Panics
    /// Unwinds with a [`Skip`] where that fails, or where the data are damaged: libjpeg's functions return only
    /// when they succeed, and its code is compiled so that it can be unwound.
    pub fn read(file: &'a [u8]) -> Coefficients<'a> {
        // SAFETY: zeros are numbers, and functions and places that are not there; the calls fill in what there has to be.
        // The boxes keep their places, and are freed after what points to them: see `drop`.
        unsafe {
            let mut errors: Box<libjpeg::jpeg_error_mgr> = Box::new(std::mem::zeroed());
            libjpeg::jpeg_std_error(&mut errors);
            errors.error_exit = Some(give_up);
            errors.emit_message = Some(hear);
            let mut info: Box<libjpeg::jpeg_decompress_struct> = Box::new(std::mem::zeroed());
            info.common.err = &mut *errors;
            let arrays = std::ptr::null_mut();
            let mut read =
                Coefficients { info, _errors: errors, arrays, channels: Vec::new(), file: PhantomData };
            libjpeg::jpeg_create_decompress(&mut *read.info);
            libjpeg::jpeg_mem_src(&mut read.info, file.as_ptr(), file.len() as c_ulong);
            libjpeg::jpeg_read_header(&mut read.info, 1);
            read.arrays = libjpeg::jpeg_read_coefficients(&mut read.info);
            let count = read.info.num_components as usize;
            let components = std::slice::from_raw_parts(read.info.comp_info, count);
            read.channels = components.iter().map(Channel::of).collect();
            read
        }
    }

    pub fn color_space(&self) -> ColorSpace {
        self.info.jpeg_color_space
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.info.image_width as usize, self.info.image_height as usize]
    }

    /// The blocks in a row of a channel.
    pub fn row(&mut self, channel: usize, row: usize) -> &[Block] {
        let [across, down] = self.channels[channel].blocks;
        assert!(row < down);
        // SAFETY: there is an array for each channel, the row is inside, and it stays in memory until libjpeg is called again,
        // for which `self` would have to be borrowed again.
        unsafe {
            let memory = &*self.info.common.mem;
            let access = memory.access_virt_barray.expect("libjpeg set it");
            let array = *self.arrays.add(channel);
            let rows = access(&mut self.info.common, array, row as u32, 1, 0);
            std::slice::from_raw_parts(*rows, across)
        }
    }
}

impl Channel {
    fn of(component: &libjpeg::jpeg_component_info) -> Channel {
        // SAFETY: libjpeg keeps a table for each channel that a scan had.
        let table = unsafe { component.quant_table.as_ref() };
        let Some(table) = table else {
            resume_unwind(Box::new(Skip::Damaged("a channel is missing".to_string())))
        };
        Channel {
            sampling: [component.h_samp_factor as usize, component.v_samp_factor as usize],
            blocks: [component.width_in_blocks as usize, component.height_in_blocks as usize],
            steps: table.quantval,
        }
    }
}

impl Drop for Coefficients<'_> {
    fn drop(&mut self) {
        // SAFETY: it was created, or is all zeros, which libjpeg passes over.
        unsafe { libjpeg::jpeg_destroy_decompress(&mut self.info) }
    }
}
/// libjpeg's errors.
extern "C-unwind" fn give_up(picture: &mut libjpeg::jpeg_common_struct) {
    // SAFETY: libjpeg calls this with the errors that it was given.
    let errors = unsafe { &*picture.err };
    let skip = match errors.msg_code {
        _ if is_at_end(errors) => Skip::Truncated,
        libjpeg::JERR_OUT_OF_MEMORY => Skip::OutOfMemory,
        libjpeg::JERR_SOF_UNSUPPORTED => {
            Skip::Unsupported("a lossless or hierarchical JPEG; save it as a usual JPEG".to_string())
        }
        // Its decoder would not say where data are missing.
        libjpeg::JERR_ARITH_NOTIMPL => {
            Skip::Unsupported("a JPEG in arithmetic coding; save it as a usual JPEG".to_string())
        }
        libjpeg::JERR_BAD_PRECISION => {
            Skip::Unsupported("a JPEG of other than 8 bits per sample; save it as one of 8".to_string())
        }
        libjpeg::JERR_EMPTY_IMAGE => {
            Skip::Unsupported("a JPEG that does not say how high it is; save it as a usual JPEG".to_string())
        }
        _ => Skip::Damaged(text(errors)),
    };
    resume_unwind(Box::new(skip));
}

/// libjpeg's warnings, which end the decoding where they mean damage.
extern "C-unwind" fn hear(picture: &mut libjpeg::jpeg_common_struct, level: c_int) {
    const WARNING: c_int = -1;
    const RESTARTS: std::ops::RangeInclusive<c_int> = 0xd0..=0xd7;
    // SAFETY: libjpeg calls this with the errors that it was given, which nothing else uses now.
    let errors = unsafe { &mut *picture.err };
    if level != WARNING {
        return;
    }
    let is_damage = match errors.msg_code {
        // Alone, this means nothing: what was read ends before the end marker.
        libjpeg::JWRN_JPEG_EOF => {
            errors.num_warnings += 1;
            false
        }
        libjpeg::JWRN_HIT_MARKER | libjpeg::JWRN_HUFF_BAD_CODE | libjpeg::JWRN_MUST_RESYNC => true,
        // What stands before other markers was not part of the picture.
        libjpeg::JWRN_EXTRANEOUS_DATA => RESTARTS.contains(&parameters(errors)[1]),
        _ => false,
    };
    if is_damage {
        let skip = if is_at_end(errors) { Skip::Truncated } else { Skip::Damaged(text(errors)) };
        resume_unwind(Box::new(skip));
    }
}

/// Whether the file ended before the picture did.
fn is_at_end(errors: &libjpeg::jpeg_error_mgr) -> bool {
    errors.num_warnings > 0
}

fn parameters(errors: &libjpeg::jpeg_error_mgr) -> [c_int; 8] {
    // SAFETY: a union of eight numbers and of text, and every pattern of bits is eight numbers.
    unsafe { *(&raw const errors.msg_parm).cast() }
}

/// libjpeg's message, with its parameters.
fn text(errors: &libjpeg::jpeg_error_mgr) -> String {
    if !(1..=errors.last_jpeg_message).contains(&errors.msg_code) {
        return format!("error {} of libjpeg", errors.msg_code);
    }
    // SAFETY: the table has a text, ended by a zero, for every code up to the last.
    let template = unsafe { CStr::from_ptr(*errors.jpeg_message_table.add(errors.msg_code as usize)) };
    let template = template.to_string_lossy();
    let mut parts = template.split('%');
    let mut text = parts.next().unwrap_or_default().to_string();
    for (part, number) in parts.zip(parameters(errors)) {
        // `%d`, `%u`, `%4d` or `%02x`.
        let letter = part.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        let is_hex = part[letter..].starts_with('x');
        text += &if is_hex { format!("{number:02x}") } else { number.to_string() };
        text += &part[(letter + 1).min(part.len())..];
    }
    text
}
