//! Loss and accuracy of each epoch as a picture, `curves.svg`.

use crate::error::{Result, error};
use crate::train::EpochRecord;
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE: (u32, u32) = (960, 380);
const TRAINING: RGBColor = RGBColor(38, 102, 178);
const VALIDATION: RGBColor = RGBColor(176, 76, 12);

/// Each colour of the picture, and the one in its place where the reader's page is dark.
const DARK: [(RGBColor, &str); 4] =
    [(WHITE, "#161B22"), (BLACK, "#E6EDF3"), (TRAINING, "#6CB0FF"), (VALIDATION, "#FF9E5E")];

/// Pixels to the right of a chart, for the names of its lines, and between two names.
const NAMES: u32 = 76;
const LINE_HEIGHT: f64 = 17.0;
/// Pixels from the bottom of a chart to its top, about.
const HEIGHT: f64 = 288.0;

/// Two charts side by side, each with a line for training and one for validation, in the colours of the page that shows them.
pub fn svg(history: &[EpochRecord]) -> Result<String> {
    let mut text = String::new();
    draw(history, &mut text).map_err(|why| error!(Other, "the curves cannot be drawn: {why}"))?;
    let end = text.find('>').map_or(0, |at| at + 1);
    text.insert_str(end, &dark_style());
    Ok(text)
}

/// Rules that take the place of the colours, which stay for viewers that know no rules.
fn dark_style() -> String {
    let rule = |(RGBColor(r, g, b), dark): &(RGBColor, &str)| {
        let light = format!("#{r:02X}{g:02X}{b:02X}");
        format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
    };
    let rules: String = DARK.iter().map(rule).collect();
    format!("\n<style>@media (prefers-color-scheme: dark){{{rules}}}</style>")
}

fn draw(history: &[EpochRecord], text: &mut String) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);

    let epoch = |record: &EpochRecord| record.epoch as f64 + 1.0;
    let lines = |value: fn(&EpochRecord) -> f64, validation: fn(&EpochRecord) -> Option<f64>| {
        let training: Vec<_> = history.iter().map(|record| (epoch(record), value(record))).collect();
        let validation: Vec<_> =
            history.iter().filter_map(|record| Some((epoch(record), validation(record)?))).collect();
        [training, validation]
    };
    let loss = lines(|record| record.loss, |record| record.validation.as_ref().map(|v| v.loss));
    let largest =
        loss.iter().flatten().map(|(_, loss)| *loss).filter(|loss| loss.is_finite()).fold(0.1, f64::max);
    chart(&left, "loss", 1.1 * largest, loss)?;
    let accuracy = lines(|record| record.accuracy, |record| record.validation.as_ref().map(|v| v.accuracy));
    chart(&right, "accuracy", 1.0, accuracy)?;
    area.present()?;
    Ok(())
}

/// One chart with epochs from 1 to the right and values from 0 upwards.
fn chart(
    area: &DrawingArea<SVGBackend, Shift>,
    caption: &str,
    top: f64,
    [training, validation]: [Vec<(f64, f64)>; 2],
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let last = training.len().max(2) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 20))
        .margin(14)
        .margin_right(NAMES)
        .x_label_area_size(36)
        .y_label_area_size(44)
        .build_cartesian_2d(1.0..last, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("epoch")
        .x_labels(training.len().clamp(2, 12))
        .x_label_formatter(&|epoch| format!("{epoch:.0}"))
        .y_label_formatter(&|value| format!("{value:.2}"))
        .draw()?;
    let [of_training, of_validation] = [&training, &validation].map(|points| points.last().copied());
    // Names that would lie on each other move apart.
    let rise = |(_, value): (f64, f64)| value / top * HEIGHT;
    let apart = match (of_training.map(rise), of_validation.map(rise)) {
        (Some(one), Some(other)) => {
            let overlap = (LINE_HEIGHT - (one - other).abs()).max(0.0) / 2.0;
            if one >= other { overlap } else { -overlap }
        }
        _ => 0.0,
    };
    for (name, color, points, up) in
        [("training", TRAINING, training, apart), ("validation", VALIDATION, validation, -apart)]
    {
        let dots: Vec<_> = points.iter().map(|&point| Circle::new(point, 3, color.filled())).collect();
        let end = points.last().copied();
        chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
        chart.draw_series(dots)?;
        let font = ("sans-serif", 14).into_font().color(&color);
        let beside = (8, -7 - up.round() as i32);
        chart
            .draw_series(end.map(|end| EmptyElement::at(end) + Text::new(name.to_string(), beside, font)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::evaluate::Evaluation;

    fn history(losses: &[(f64, f64)]) -> Vec<EpochRecord> {
        let record = |(epoch, &(loss, val_loss))| EpochRecord {
            epoch,
            loss,
            accuracy: 0.5,
            images_per_second: 1.0,
            seconds: 1.0,
            skipped: 0,
            validation: Some(Evaluation { loss: val_loss, accuracy: 0.5, confusion: Vec::new() }),
        };
        losses.iter().enumerate().map(record).collect()
    }

    #[test]
    fn every_colour_has_one_for_dark_pages() {
        let text = svg(&history(&[(0.7, 0.7), (0.3, 0.5)])).unwrap();
        let (before, after) = text.split_once("</style>").unwrap();
        assert!(before.starts_with("<svg") && before.contains("prefers-color-scheme: dark"), "{before}");
        for attribute in ["fill", "stroke"] {
            let before_color = format!("{attribute}=\"#");
            for color in after.split(&before_color).skip(1).map(|rest| &rest[..6]) {
                assert!(before.contains(&format!("[{attribute}=\"#{color}\"]")), "{attribute} {color}");
            }
        }
    }

    #[test]
    fn names_stand_at_the_ends_of_their_lines_and_apart() {
        let text = svg(&history(&[(0.7, 0.7), (0.31, 0.3)])).unwrap();
        // Text is written as `<text x=… y=… …>\nname`.
        let places = |name: &str| -> Vec<(f64, f64)> {
            let elements = text.split("<text ").filter(|element| {
                element.split('>').nth(1).is_some_and(|words| words.trim().starts_with(name))
            });
            let number = |element: &str, key: &str| {
                element
                    .split(&format!("{key}=\""))
                    .nth(1)
                    .unwrap()
                    .split('"')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap()
            };
            elements.map(|element| (number(element, "x"), number(element, "y"))).collect()
        };
        let (training, validation) = (places("training"), places("validation"));
        assert_eq!((training.len(), validation.len()), (2, 2), "{text}");
        for (one, other) in training.iter().zip(&validation) {
            assert!((one.1 - other.1).abs() >= 16.0, "{one:?} {other:?}");
        }
        assert!(training[0].1 < validation[0].1, "the higher line has the higher name");
    }
}
