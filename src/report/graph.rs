//! A network as a picture: a box for each layer, a line for each value that one takes from another.

use crate::error::{Result, shown};
use crate::model::{Network, Origin, Placed};
use std::fmt::Write;

/// Of a box: at least this, and more where a name is long.
const LEAST_WIDTH: usize = 250;
/// Of a letter, at most, and of the space beside a name.
const LETTER: usize = 8;
const SPACE: usize = 24;
const HEIGHT: usize = 46;
/// Between boxes.
const GAP: [usize; 2] = [60, 22];
const MARGIN: usize = 20;

/// Where a box stands, in columns and rows, and how wide all of them are.
#[derive(Clone, Copy)]
struct Place {
    column: usize,
    row: usize,
    width: usize,
}

/// The SVG of a network.
///
/// # Errors
/// `Usage` for what no network can have.
pub fn svg(network: &Network) -> Result<String> {
    let placed = network.placed()?;
    let letters = placed.iter().map(|node| title(&node.name, node.layer.label()).chars().count()).max();
    let width = LEAST_WIDTH.max(letters.unwrap_or(0) * LETTER + SPACE);
    let places = places(&placed, width);
    let top = Place { column: 0, row: 0, width };
    let columns = 1 + places.iter().map(|place| place.column).max().unwrap_or(0);
    let passes = |(at, node): (usize, &Placed)| {
        node.inputs.iter().any(|origin| {
            matches!(origin, Origin::Node(from) if from + 1 < at) || (*origin == Origin::Input && at > 0)
        })
    };
    // Lines around boxes run at their right.
    let around = if placed.iter().enumerate().any(passes) { GAP[0] / 2 } else { 0 };
    let [width, height] = [
        2 * MARGIN + columns * (width + GAP[0]) - GAP[0] + around,
        2 * MARGIN + (placed.len() + 1) * (HEIGHT + GAP[1]) - GAP[1],
    ];
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n{STYLE}\n\
         <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    for (index, node) in placed.iter().enumerate() {
        for origin in &node.inputs {
            let from = match *origin {
                Origin::Input => top,
                Origin::Node(node) => places[node],
            };
            edge(&mut text, from, places[index]);
        }
    }
    let input = network.input_shape();
    draw(&mut text, top, "input", "pictures", &input, 0);
    for (node, place) in placed.iter().zip(&places) {
        draw(&mut text, *place, &node.name, node.layer.label(), &node.output_shape, node.slot_values());
    }
    text.push_str("</svg>\n");
    Ok(text)
}

/// Colours for light pages, and for dark ones.
const STYLE: &str = "<style>.page{fill:#fff}.box{fill:#f2f5fb;stroke:#5b6b8c}.name{fill:#111;font-weight:600}\
    .more{fill:#4a4f5a;font-size:11px}.edge{fill:none;stroke:#5b6b8c;stroke-width:1.5}\
    @media (prefers-color-scheme: dark){.page{fill:#14171d}.box{fill:#1f2530;stroke:#8fa3cc}.name{fill:#eee}\
    .more{fill:#b4bac6}.edge{stroke:#8fa3cc}}</style>";

/// Each layer has a row of its own. It stands below what it takes first, and beside where another layer does so already.
fn places(placed: &[Placed], width: usize) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    // What takes the input, or a node, first is below it; the others go one column further each.
    let mut below = vec![0; placed.len() + 1];
    for (index, node) in placed.iter().enumerate() {
        let number = |origin: &Origin| match *origin {
            Origin::Input => 0,
            Origin::Node(node) => node + 1,
        };
        let column = |origin: &Origin| match *origin {
            Origin::Input => 0,
            Origin::Node(node) => places[node].column,
        };
        let column = match &node.inputs[..] {
            [only] => column(only) + below[number(only)],
            // Where ways meet, it goes on in the first column.
            several => several.iter().map(column).min().unwrap_or(0),
        };
        node.inputs.iter().for_each(|origin| below[number(origin)] += 1);
        places.push(Place { column, row: index + 1, width });
    }
    places
}

fn corner(Place { column, row, width }: Place) -> [usize; 2] {
    [MARGIN + column * (width + GAP[0]), MARGIN + row * (HEIGHT + GAP[1])]
}

/// From the bottom of a box to the top of another; around the boxes between, where there may be any.
fn edge(text: &mut String, from: Place, to: Place) {
    let ([x, y], [to_x, to_y]) = (corner(from), corner(to));
    let [half, y] = [from.width / 2, y + HEIGHT];
    let path = match (from.column == to.column, to.row == from.row + 1) {
        (_, true) => {
            format!("M{} {y}C{} {to_y} {} {y} {} {to_y}", x + half, x + half, to_x + half, to_x + half)
        }
        (true, false) => {
            let (right, side) = (x + from.width, x + from.width + GAP[0] / 2);
            let [top, bottom] = [y - HEIGHT / 2, to_y + HEIGHT / 2];
            format!(
                "M{right} {top}C{side} {top} {side} {top} {side} {}V{}C{side} {bottom} {side} {bottom} {right} {bottom}",
                top + 20,
                bottom - 20
            )
        }
        (false, false) => {
            let (start, end) = if from.column < to.column {
                (x + from.width, to_x + half)
            } else {
                (x + half, to_x + from.width)
            };
            match from.column < to.column {
                true => format!(
                    "M{start} {}H{}Q{end} {} {end} {}V{to_y}",
                    y - HEIGHT / 2,
                    end - 20,
                    y - HEIGHT / 2,
                    y - HEIGHT / 2 + 20
                ),
                false => format!(
                    "M{start} {y}V{}Q{start} {} {} {}H{end}",
                    to_y + HEIGHT / 2 - 20,
                    to_y + HEIGHT / 2,
                    start - 20,
                    to_y + HEIGHT / 2
                ),
            }
        }
    };
    let _ = writeln!(text, "<path class=\"edge\" d=\"{path}\"/>");
}

/// What a box says first.
fn title(name: &str, label: &str) -> String {
    format!("{} · {label}", shown(name))
}

fn draw(text: &mut String, place: Place, name: &str, label: &str, shape: &[usize], parameters: usize) {
    let [x, y] = corner(place);
    let width = place.width;
    let (middle, shape) = (x + width / 2, shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × "));
    let parameters = if parameters > 0 { format!(" · {parameters} parameters") } else { String::new() };
    let name = escaped(&title(name, label));
    let _ = writeln!(
        text,
        "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" rx=\"6\"/>\
         <text class=\"name\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{name}</text>\
         <text class=\"more\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{shape}{parameters}</text>",
        y + 19,
        y + 36
    );
}

/// A name comes from a file of anybody's.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Graph;
    use crate::model::layers::{Add, Dense, Flatten, Relu};

    #[test]
    fn every_layer_has_a_box_and_every_input_a_line() {
        let classes = ["a", "b"].map(str::to_string).to_vec();
        let nodes = Graph::new().then(Flatten {}).then(Relu {}).add("<out>", Dense::new(1), &["relu1"]);
        let text = svg(&Network::new(classes, 8, nodes)).unwrap();
        assert_eq!((text.matches("class=\"box\"").count(), text.matches("class=\"edge\"").count()), (4, 3));
        assert!(text.contains("width=\"250\" height=\"46\""), "{text}");
        assert!(text.contains("viewBox=\"0 0 290 "), "as much room at both sides: {text}");
        assert!(text.contains("&lt;out&gt; · Dense") && !text.contains("<out>"), "{text}");
    }

    #[test]
    fn lines_around_boxes_have_room() {
        let classes = ["a", "b"].map(str::to_string).to_vec();
        let nodes = Graph::new().then(Flatten {}).then(Relu {}).add("sum", Add {}, &["relu1", "flatten1"]);
        let text = svg(&Network::new(classes, 8, nodes.then(Dense::new(1)))).unwrap();
        assert!(text.contains("viewBox=\"0 0 320 "), "{text}");
    }

    #[test]
    fn boxes_are_as_wide_as_the_longest_name() {
        let classes = ["a", "b"].map(str::to_string).to_vec();
        let nodes = Graph::new().then(Flatten {}).add(&"name".repeat(20), Dense::new(1), &["flatten1"]);
        let text = svg(&Network::new(classes, 8, nodes)).unwrap();
        // 80 letters, and what is said behind them.
        let width = 88 * LETTER + SPACE;
        assert_eq!(text.matches(&format!("width=\"{width}\" height=\"46\"")).count(), 3, "{text}");
    }
}
