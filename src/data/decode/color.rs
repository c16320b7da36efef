//! Colours as files have them to gray or RGB, each to the bit as Pillow's `convert("L")` and `convert("RGB")` round it.

/// What a pixel becomes: `M` bytes, of red, green and blue from 0 to 255.
pub trait Ink<const M: usize> {
    fn of(rgb: [i32; 3]) -> [u8; M];
}

/// BT.601 luma in 16-bit fixed point. Of equal colours it is what each of them is.
pub struct Gray;

impl Ink<1> for Gray {
    #[inline(always)]
    fn of([r, g, b]: [i32; 3]) -> [u8; 1] {
        [((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8]
    }
}

/// Red, green, blue.
pub struct Rgb;

impl Ink<3> for Rgb {
    #[inline(always)]
    fn of(rgb: [i32; 3]) -> [u8; 3] {
        rgb.map(|color| color as u8)
    }
}

/// Gray.
#[inline(always)]
pub fn of_gray<I: Ink<M>, const M: usize>([gray]: [u8; 1]) -> [u8; M] {
    I::of([i32::from(gray); 3])
}

/// Gray with alpha, which is dropped.
pub fn of_gray_alpha<I: Ink<M>, const M: usize>([gray, _]: [u8; 2]) -> [u8; M] {
    of_gray::<I, M>([gray])
}

/// RGB.
#[inline(always)]
pub fn of_rgb<I: Ink<M>, const M: usize>(pixel: [u8; 3]) -> [u8; M] {
    I::of(pixel.map(i32::from))
}

/// RGB with alpha, which is dropped: what lies under transparent pixels counts.
pub fn of_rgba<I: Ink<M>, const M: usize>([r, g, b, _]: [u8; 4]) -> [u8; M] {
    of_rgb::<I, M>([r, g, b])
}

/// YCbCr of JFIF, whose colours are rounded and cut off first.
#[inline(always)]
pub fn of_ycc<I: Ink<M>, const M: usize>(pixel: [u8; 3]) -> [u8; M] {
    I::of(rgb_of(pixel))
}

/// CMYK of a JPEG, where full ink is 0: so Adobe began it, and so every program takes it.
#[inline(always)]
pub fn of_cmyk<I: Ink<M>, const M: usize>([c, m, y, k]: [u8; 4]) -> [u8; M] {
    I::of([c, m, y].map(|ink| printed(i32::from(ink), i32::from(k))))
}

/// YCbCr of inverted inks, and black.
#[inline(always)]
pub fn of_ycck<I: Ink<M>, const M: usize>([y, cb, cr, k]: [u8; 4]) -> [u8; M] {
    I::of(rgb_of([y, cb, cr]).map(|color| printed(255 - color, i32::from(k))))
}

/// In 16-bit fixed point, as libjpeg's jdcolor.c has it.
#[inline(always)]
fn rgb_of([y, cb, cr]: [u8; 3]) -> [i32; 3] {
    const HALF: i32 = 1 << 15;
    const fn fixed(x: f64) -> i32 {
        (x * 65_536.0 + 0.5) as i32
    }
    let [y, cb, cr] = [i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128];
    let r = y + ((const { fixed(1.402) } * cr + HALF) >> 16);
    let g = y + ((HALF - const { fixed(0.344_14) } * cb - const { fixed(0.714_14) } * cr) >> 16);
    let b = y + ((const { fixed(1.772) } * cb + HALF) >> 16);
    [r, g, b].map(|color| color.clamp(0, 255))
}

/// What is seen of an ink over black: `(255 - ink) * k / 255`, rounded as Pillow does it, is taken from `k`.
#[inline(always)]
fn printed(ink: i32, k: i32) -> i32 {
    let product = (255 - ink) * k + 128;
    k - ((product + (product >> 8)) >> 8)
}

/// Pixels of `N` bytes, one after the other.
pub fn of_pixels<const N: usize, const M: usize>(
    pixels: &[u8],
    made: &mut [u8],
    of: impl Fn([u8; N]) -> [u8; M],
) {
    for (pixel, made) in pixels.as_chunks::<N>().0.iter().zip(made.as_chunks_mut::<M>().0) {
        *made = of(*pixel);
    }
}

/// Pixels of `N` bytes, each in a row of its own.
#[inline(always)]
pub fn of_rows<const N: usize, const M: usize>(
    rows: [&[u8]; N],
    made: &mut [u8],
    of: impl Fn([u8; N]) -> [u8; M],
) {
    let made = made.as_chunks_mut::<M>().0;
    let rows = rows.map(|row| &row[..made.len()]);
    for (index, made) in made.iter_mut().enumerate() {
        *made = of(rows.map(|row| row[index]));
    }
}
