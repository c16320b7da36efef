//! What is drawn for each picture to be changed by.

use pawgrad::data::{Augment, Color};
use pawgrad::reference::augment::{IDENTITY, ROW};
use std::collections::BTreeSet;

const SIZE: usize = 64;
const MANY: usize = 10_000;

/// Rows of the pictures 0, 1, 2 and so on.
fn rows(augment: &Augment, count: usize, size: usize, color: Color) -> Vec<Vec<f64>> {
    let pictures: Vec<usize> = (0..count).collect();
    let values = augment.transforms(7, 3, &pictures, size, color);
    assert_eq!(values.len(), count * ROW);
    values.chunks(ROW).map(|row| row.iter().map(|&value| f64::from(value)).collect()).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_row_depends_on_its_picture_alone() {
    let order = [5, 0, 99, 3, 17, 4, 64, 1];
    for color in [Color::Gray, Color::Rgb] {
        let of = |pictures: &[usize]| bits(&Augment::strong().transforms(1 << 40, 2, pictures, SIZE, color));
        let whole = of(&order);
        for parts in [1, 3, 8] {
            assert_eq!(order.chunks(parts).flat_map(of).collect::<Vec<_>>(), whole);
        }
        let mut turned = order;
        turned.reverse();
        let back: Vec<_> = of(&turned).chunks(ROW).rev().flatten().copied().collect();
        assert_eq!(back, whole);
    }
}

#[test]
fn no_two_pictures_epochs_or_seeds_are_alike() {
    let mut seen = BTreeSet::new();
    let far = 1 << 32;
    for seed in [0, 1, far] {
        for epoch in [0, 1, 2, far] {
            for picture in 0..200 {
                let row = Augment::light().transforms(seed, epoch, &[picture], SIZE, Color::Gray);
                assert!(seen.insert(bits(&row)), "seed {seed}, epoch {epoch}, picture {picture}");
            }
        }
    }
}

#[test]
fn none_leaves_pictures_as_they_are() {
    let none = Augment::none();
    assert!(none.is_none() && none == Augment::default());
    assert!(!Augment::light().is_none() && !Augment::strong().is_none());
    for color in [Color::Gray, Color::Rgb] {
        let rows = none.transforms(1, 1, &[0, 8], SIZE, color);
        assert_eq!(bits(&rows), bits(&[IDENTITY, IDENTITY].concat()));
    }
}

#[test]
fn half_of_the_pictures_are_mirrored() {
    let flip = Augment { flip: true, ..Augment::none() };
    let rows = rows(&flip, MANY, SIZE, Color::Gray);
    let mut mirrored = IDENTITY.map(f64::from);
    mirrored[4] = -1.0;
    let count = rows.iter().filter(|row| **row == mirrored).count();
    // Five standard deviations.
    assert!(count.abs_diff(MANY / 2) < 250, "{count}");
    assert!(rows.iter().all(|row| *row == mirrored || *row == IDENTITY.map(f64::from)));
}

/// One amount at a time, so that a row says what was drawn.
#[test]
fn what_is_drawn_fills_its_range_and_keeps_to_it() {
    let size = SIZE as f64;
    let none = Augment::none();
    type Drawn = fn(&[f64]) -> f64;
    let amounts: [(Augment, Color, Drawn, f64); 8] = [
        (Augment { rotation: 15.0, ..none }, Color::Gray, |r| r[3].atan2(r[4]).to_degrees(), 15.0),
        (Augment { shift: 0.1, ..none }, Color::Gray, |r| r[2], 0.1 * size),
        (Augment { shift: 0.1, ..none }, Color::Gray, |r| r[5], 0.1 * size),
        (Augment { zoom: 0.2, ..none }, Color::Gray, |r| r[0].ln(), 1.2f64.ln()),
        (Augment { shear: 5.0, ..none }, Color::Gray, |r| r[3].atan().to_degrees(), 5.0),
        (Augment { brightness: 0.2, ..none }, Color::Gray, |r| r[15], 0.2),
        (Augment { contrast: 0.2, ..none }, Color::Gray, |r| r[6] - 1.0, 0.2),
        // What green takes of red.
        (Augment { saturation: 0.3, ..none }, Color::Rgb, |r| r[9] / 0.299, 0.3),
    ];
    for (augment, color, drawn, amount) in amounts {
        let drawn: Vec<f64> = rows(&augment, MANY, SIZE, color).iter().map(|row| drawn(row)).collect();
        let most = drawn.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        assert!(most <= amount * (1.0 + 1e-5) && most > 0.99 * amount, "{augment:?}: {most}");
        let mean = drawn.iter().sum::<f64>() / MANY as f64;
        let square = drawn.iter().map(|v| v * v).sum::<f64>() / MANY as f64;
        assert!(mean.abs() < 0.03 * amount, "{augment:?}: {mean}");
        assert!((square * 3.0 / amount.powi(2) - 1.0).abs() < 0.05, "{augment:?}: not uniform, {square}");
    }
}

#[test]
fn contrast_keeps_middle_gray_and_colors_keep_grays() {
    let strong = Augment { brightness: 0.0, ..Augment::strong() };
    for color in [Color::Gray, Color::Rgb] {
        for row in rows(&strong, 1000, SIZE, color) {
            for c in 0..3 {
                let of_gray = |v: f64| {
                    row[6 + 3 * c..9 + 3 * c].iter().map(|share| share * v).sum::<f64>() + row[15 + c]
                };
                assert!((of_gray(0.5) - 0.5).abs() < 1e-6, "{row:?}");
                let contrast = of_gray(1.0) - of_gray(0.0);
                assert!((contrast - 1.0).abs() < 0.2 + 1e-6, "{row:?}");
            }
        }
    }
    // A turn keeps the sum of the channels, and all distances.
    let hue = Augment { hue: 0.5, ..Augment::none() };
    for row in rows(&hue, 1000, SIZE, Color::Rgb) {
        let columns = (0..3).map(|ci| (0..3).map(|c| row[6 + 3 * c + ci]).sum::<f64>());
        assert!(columns.into_iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{row:?}");
        let square: f64 = row[6..15].iter().map(|share| share * share).sum();
        assert!((square - 3.0).abs() < 1e-5, "no turn: {row:?}");
    }
}

#[test]
fn a_rectangle_is_erased_as_often_as_asked_for_and_lies_inside() {
    let erase = |erase| Augment { erase, ..Augment::none() };
    for size in [1, 2, 7, SIZE, 255] {
        let length = size as f64;
        let rows = rows(&erase(0.25), MANY, size, Color::Gray);
        let erased: Vec<_> =
            rows.iter().map(|row| &row[18..22]).filter(|sides| sides[2] > sides[0]).collect();
        assert!(erased.len().abs_diff(MANY / 4) < 220, "{}", erased.len());
        let mut corners = [0.0f64; 2];
        for sides in &erased {
            let [top, left, bottom, right] = sides[..] else { panic!("four sides") };
            assert!(sides.iter().all(|side| side.fract() == 0.0), "{sides:?}");
            assert!(top >= 0.0 && left >= 0.0 && bottom <= length && right <= length, "{size}: {sides:?}");
            // A side is rounded to whole pixels.
            let (height, width) = (bottom - top, right - left);
            let range =
                |off: f64| ((height + off) * (width + off) / length.powi(2), (height + off) / (width - off));
            assert!(
                width >= 1.0 && range(0.5).0 >= 0.02 && (size < 7 || range(-0.5).0 <= 0.2),
                "{size}: {sides:?}"
            );
            assert!(size < 7 || (range(0.5).1 >= 0.3 && range(-0.5).1 <= 1.0 / 0.3), "{size}: {sides:?}");
            corners = [corners[0].max(bottom), corners[1].max(right)];
        }
        assert_eq!(corners, [length, length], "some reach the last line and column");
        let tall = erased.iter().filter(|sides| sides[2] - sides[0] > sides[3] - sides[1]).count();
        let wide = erased.iter().filter(|sides| sides[2] - sides[0] < sides[3] - sides[1]).count();
        assert!(tall.abs_diff(wide) < 250, "{tall} {wide}");
    }
    assert!(rows(&erase(1.0), 1000, SIZE, Color::Gray).iter().all(|row| row[20] > row[18]));
}

#[test]
fn on_average_pictures_stay_where_they_are() {
    let rows = rows(&Augment { flip: false, erase: 0.0, ..Augment::strong() }, MANY, SIZE, Color::Rgb);
    for (at, expected) in IDENTITY.iter().enumerate() {
        let mean = rows.iter().map(|row| row[at]).sum::<f64>() / MANY as f64;
        let allowed = if [2, 5].contains(&at) { 0.2 } else { 0.02 };
        assert!((mean - f64::from(*expected)).abs() < allowed, "{at}: {mean}");
    }
}

/// An amount that is asked for does not change what is drawn for another.
#[test]
fn amounts_are_drawn_apart() {
    let light = rows(&Augment::light(), 100, SIZE, Color::Rgb);
    let erased = rows(&Augment { erase: 1.0, hue: 0.1, ..Augment::light() }, 100, SIZE, Color::Rgb);
    for (light, erased) in light.iter().zip(&erased) {
        assert_eq!(light[..6], erased[..6]);
        assert_eq!(light[15..18], erased[15..18]);
    }
}

#[test]
fn amounts_that_make_no_sense_are_named() {
    for sane in [Augment::none(), Augment::light(), Augment::strong()] {
        assert_eq!(sane.problems(), []);
    }
    let none = Augment::none();
    let most =
        Augment { rotation: 180.0, shift: 1.0, shear: 45.0, hue: 0.5, erase: 1.0, contrast: 1.0, ..none };
    assert_eq!(most.problems(), []);
    for (augment, field) in [
        (Augment { rotation: 180.5, ..none }, "rotation"),
        (Augment { rotation: -1.0, ..none }, "rotation"),
        (Augment { shift: 1.01, ..none }, "shift"),
        (Augment { zoom: 1.0, ..none }, "zoom"),
        (Augment { zoom: f64::NAN, ..none }, "zoom"),
        (Augment { shear: 46.0, ..none }, "shear"),
        (Augment { brightness: f64::INFINITY, ..none }, "brightness"),
        (Augment { contrast: -0.1, ..none }, "contrast"),
        (Augment { saturation: 1.1, ..none }, "saturation"),
        (Augment { hue: 0.6, ..none }, "hue"),
        (Augment { erase: 1.1, ..none }, "erase"),
    ] {
        let problems = augment.problems();
        assert!(problems.len() == 1 && problems[0].0 == field, "{problems:?}");
        assert!(problems[0].1.contains("makes no sense"), "{problems:?}");
    }
    assert_eq!(Augment { zoom: -1.0, hue: 9.0, ..none }.problems().len(), 2);
}

#[test]
fn amounts_are_read_as_they_were_written() {
    let strong = Augment::strong();
    let text = toml::to_string(&strong).unwrap();
    assert_eq!(toml::from_str::<Augment>(&text).unwrap(), strong);
    assert_eq!(toml::from_str::<Augment>("flip = true").unwrap(), Augment { flip: true, ..Augment::none() });
    assert!(toml::from_str::<Augment>("flips = true").is_err());
}
