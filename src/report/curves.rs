//! Loss and accuracy of each epoch as a picture, `curves.svg`.

use crate::error::{Result, error};
use crate::train::EpochRecord;
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE: (u32, u32) = (960, 380);
const TRAINING: RGBColor = RGBColor(38, 102, 178);
const VALIDATION: RGBColor = RGBColor(214, 104, 24);

/// Two charts side by side, each with a line for training and one for validation.
pub fn svg(history: &[EpochRecord]) -> Result<String> {
    let mut text = String::new();
    draw(history, &mut text).map_err(|why| error!(Other, "the curves cannot be drawn: {why}"))?;
    Ok(text)
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
    for (name, color, points) in [("training", TRAINING, training), ("validation", VALIDATION, validation)] {
        let dots: Vec<_> = points.iter().map(|&point| Circle::new(point, 3, color.filled())).collect();
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        chart.draw_series(dots)?;
    }
    let corner =
        if caption == "loss" { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::LowerRight };
    chart
        .configure_series_labels()
        .position(corner)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    Ok(())
}
