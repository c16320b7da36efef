//! What a JPEG says of itself before it is decoded: its size, what decoding takes, how it is to be turned, and where the last
//! coded data end that it needs. (ITU-T T.81, B.2.)

use crate::data::skip::Skip;
use std::ops::RangeInclusive;

/// Blocks in whose time a scan can be begun.
const BEGINNING: usize = 1 << 10;

const START_OF_FRAME: RangeInclusive<u8> = 0xc0..=0xcf;
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;
const APP1: u8 = 0xe1;

/// What there is to know before the coded data are read.
pub struct Headers<'a> {
    /// Blocks of metadata.
    pub app1: Vec<&'a [u8]>,
    /// All up to the last scan. What follows, the end marker or anything else, is of no matter.
    pub needed: &'a [u8],
    /// Of the picture.
    size: [usize; 2],
    /// Coefficients of all components.
    coefficients: usize,
    /// Blocks that the scans visit, one after the other.
    pub visits: usize,
}

/// The frame: all components together.
struct Frame {
    width: usize,
    height: usize,
    is_progressive: bool,
    components: Vec<Component>,
    visits: usize,
}

struct Component {
    id: u8,
    /// Samples across and down, for each unit of the frame.
    sampling: [usize; 2],
    /// Of each coefficient, how many bits are missing still; `None` where no scan had it.
    missing_bits: [Option<u8>; 64],
}

impl<'a> Headers<'a> {
    /// About what decoding to `channels` bytes a pixel takes, in bytes.
    pub fn bytes(&self, channels: usize) -> u64 {
        let [width, height] = self.size;
        let picture = channels * width * height;
        // Coefficients of two bytes, which are gone before the picture is turned; and some rows of all channels.
        (picture + picture.max(2 * self.coefficients) + 256 * width) as u64
    }

    /// Those of a file.
    ///
    /// # Errors
    /// Where they are not whole, or scans are missing. (That a scan is whole is seen when it is decoded.)
    pub fn of(file: &'a [u8]) -> Result<Headers<'a>, Skip> {
        let mut segments = Segments { file, at: 2 };
        let (mut frame, mut app1): (Option<Frame>, Vec<&[u8]>) = (None, Vec::new());
        let mut has_end = false;
        while let Some((code, segment)) = segments.next() {
            match (code, &mut frame) {
                (APP1, _) => app1.push(segment),
                // Between the codes of frames are those of tables, and one that is reserved.
                (code, None) if START_OF_FRAME.contains(&code) && !matches!(code, 0xc4 | 0xc8 | 0xcc) => {
                    frame = Some(Frame::of_segment(code, segment)?);
                }
                (START_OF_SCAN, Some(frame)) => {
                    frame.add_scan(segment)?;
                    if frame.components.iter().all(Component::is_whole) {
                        let end = segments.next_marker().unwrap_or(file.len());
                        let needed = &file[..end];
                        let (size, visits) = ([frame.width, frame.height], frame.visits);
                        let coefficients =
                            frame.components.iter().map(|component| frame.samples(component)).sum();
                        return Ok(Headers { app1, needed, size, coefficients, visits });
                    }
                }
                (END_OF_IMAGE, _) => has_end = true,
                _ => {}
            }
        }
        // What it has would be a blurred picture, or one without colours.
        Err(if has_end { Skip::Damaged("scans are missing".to_string()) } else { Skip::Truncated })
    }
}

impl Frame {
    fn of_segment(code: u8, segment: &[u8]) -> Result<Frame, Skip> {
        let (head, rest) = segment.split_first_chunk::<6>().ok_or(Skip::Truncated)?;
        let &[_bits, height, low_height, width, low_width, count] = head;
        let components = rest.chunks_exact(3).take(usize::from(count)).map(|component| Component {
            id: component[0],
            sampling: [component[1] >> 4, component[1] & 15].map(|samples| usize::from(samples).clamp(1, 4)),
            missing_bits: [None; 64],
        });
        Ok(Frame {
            width: usize::from(u16::from_be_bytes([width, low_width])),
            height: usize::from(u16::from_be_bytes([height, low_height])),
            is_progressive: matches!(code, 0xc2 | 0xca),
            components: components.collect(),
            visits: 0,
        })
    }

    /// A scan has some bits of some coefficients of some components.
    fn add_scan(&mut self, segment: &[u8]) -> Result<(), Skip> {
        let (&count, rest) = segment.split_first().ok_or(Skip::Truncated)?;
        let (ids, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or(Skip::Truncated)?;
        let &[first, last, bits, ..] = rest else { return Err(Skip::Truncated) };
        let (coefficients, missing) = match self.is_progressive {
            true => (usize::from(first.min(63))..usize::from(last.min(63)) + 1, bits & 15),
            false => (0..64, 0),
        };
        self.visits += BEGINNING;
        for id in ids.iter().step_by(2) {
            let of_scan = self.components.iter().filter(|component| component.id == *id);
            self.visits += of_scan.map(|component| self.samples(component) / 64).sum::<usize>();
            for component in self.components.iter_mut().filter(|component| component.id == *id) {
                if let Some(bits) = component.missing_bits.get_mut(coefficients.clone()) {
                    bits.fill(Some(missing));
                }
            }
        }
        Ok(())
    }

    /// Samples of a component.
    fn samples(&self, component: &Component) -> usize {
        let most = |axis: usize| self.components.iter().map(|component| component.sampling[axis]).max();
        let [across, down] = [most(0).unwrap_or(1), most(1).unwrap_or(1)];
        let [h, v] = component.sampling;
        (self.width * h).div_ceil(across) * (self.height * v).div_ceil(down)
    }
}

impl Component {
    fn is_whole(&self) -> bool {
        self.missing_bits == [Some(0); 64]
    }
}

/// The markers of a file, each with the segment that follows it, without its length.
struct Segments<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// Goes to the next marker; coded data, and stray bytes, are passed over.
    fn next_marker(&mut self) -> Option<usize> {
        loop {
            self.at += self.file.get(self.at..)?.iter().position(|&byte| byte == 0xff)?;
            let padding = self.file[self.at..].iter().position(|&byte| byte != 0xff)?;
            let found = self.at + padding - 1;
            // A stuffed zero, and markers without a segment: TEM, RST0 to RST7, start of image.
            if !matches!(self.file[found + 1], 0x00 | 0x01 | 0xd0..=0xd8) {
                self.at = found;
                return Some(found);
            }
            self.at = found + 2;
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let marker = self.next_marker()?;
        let code = self.file[marker + 1];
        if code == END_OF_IMAGE {
            self.at = self.file.len();
            return Some((code, &[]));
        }
        let length = self.file.get(marker + 2..marker + 4)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        let segment = self.file.get(marker + 4..marker + 2 + length)?;
        self.at = marker + 2 + length;
        Some((code, segment))
    }
}
