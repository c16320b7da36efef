//! What lies where in a variable, and what the source calls it.

use std::fmt;
use std::sync::Arc;

/// What a type consists of. A type has a part that is there many times only once: written out, it may be huge.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    parts: Parts,
    /// All of its numbers; `None` for as many as a buffer has room for.
    numbers: Option<u32>,
    has_vectors: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Parts {
    /// It is a number.
    None,
    /// A vector's, of so many bytes.
    Components(u32),
    /// An array's, or a matrix's columns: so many bytes from one to the next.
    Elements(u32, Arc<Shape>),
    /// A structure's: the name, the first byte, and what it is.
    Members(Vec<(Arc<str>, u32, Arc<Shape>)>),
}

/// From a whole to one of its parts.
enum Step<'a> {
    Component(u32),
    Element(u32),
    Member(&'a str),
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Step::Component(k) => write!(f, ".{}", ["x", "y", "z", "w"].get(*k as usize).unwrap_or(&"?")),
            Step::Element(k) => write!(f, "[{k}]"),
            Step::Member(name) => write!(f, ".{name}"),
        }
    }
}

static NUMBER: Shape = Shape::number();

impl Shape {
    pub const fn number() -> Shape {
        Shape { parts: Parts::None, numbers: Some(1), has_vectors: false }
    }

    /// `width` are the bytes of a component.
    pub fn vector(components: u32, width: u32) -> Shape {
        Shape { parts: Parts::Components(width.max(1)), numbers: Some(components), has_vectors: true }
    }

    /// Elements that are so many bytes apart; `None` for as many as there is room for.
    pub fn array(len: Option<u32>, apart: u32, element: Arc<Shape>) -> Shape {
        let numbers = len.zip(element.numbers).map(|(len, numbers)| len.saturating_mul(numbers));
        let has_vectors = element.has_vectors;
        Shape { parts: Parts::Elements(apart.max(1), element), numbers, has_vectors }
    }

    /// Members with their names and first bytes.
    pub fn structure(members: Vec<(Arc<str>, u32, Arc<Shape>)>) -> Shape {
        let add =
            |sum: u32, (_, _, part): &(Arc<str>, u32, Arc<Shape>)| Some(sum.saturating_add(part.numbers?));
        let numbers = members.iter().try_fold(0, add);
        let has_vectors = members.iter().any(|(_, _, part)| part.has_vectors);
        Shape { parts: Parts::Members(members), numbers, has_vectors }
    }

    pub fn has_vectors(&self) -> bool {
        self.has_vectors
    }

    /// The part that a byte is in: how to get there, its first byte, and what it is. A number has no parts.
    fn part(&self, byte: u32) -> Option<(Step<'_>, u32, &Shape)> {
        Some(match &self.parts {
            Parts::None => return None,
            Parts::Components(width) => (Step::Component(byte / width), byte - byte % width, &NUMBER),
            Parts::Elements(apart, element) => (Step::Element(byte / apart), byte - byte % apart, element),
            Parts::Members(members) => {
                let (name, first, part) = members.iter().rev().find(|(_, first, _)| *first <= byte)?;
                (Step::Member(name), *first, part)
            }
        })
    }

    /// How the source goes on behind a variable's name to come to `n` numbers from a byte on: `[3]`, or `[3].y`.
    pub fn path(&self, byte: u32, n: u32) -> String {
        let (mut shape, mut rest, mut path) = (self, byte, String::new());
        while let Some((step, first, part)) = shape.part(rest) {
            // All of it is meant; but rather the only element of an array than the array.
            if shape.numbers == Some(n) && part.numbers != Some(n) {
                break;
            }
            path += &step.to_string();
            (shape, rest) = (part, rest - first);
        }
        path
    }

    /// The first byte of the vector that a byte is in, and how many components it has; `None` where it is in none.
    pub fn vector_at(&self, byte: u32) -> Option<(u32, u32)> {
        let (mut shape, mut rest) = (self, byte);
        while let Some((step, first, part)) = shape.part(rest) {
            if let Step::Component(_) = step {
                return Some((byte - rest, shape.numbers?));
            }
            (shape, rest) = (part, rest - first);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;
    use std::sync::Arc;

    /// `struct { w: u32, rows: array<array<vec3<f32>, 2>> }`
    fn nested() -> Shape {
        let row = Shape::array(Some(2), 16, Arc::new(Shape::vector(3, 4)));
        let rows = Shape::array(None, 32, Arc::new(row));
        Shape::structure(vec![
            ("w".into(), 0, Arc::new(Shape::number())),
            ("rows".into(), 16, Arc::new(rows)),
        ])
    }

    #[test]
    fn numbers_are_called_as_in_the_source() {
        let plain = Shape::array(Some(40), 4, Arc::new(Shape::number()));
        assert_eq!((plain.path(48, 1), plain.path(0, 40)), ("[12]".to_string(), String::new()));
        let halves = Shape::array(Some(8), 8, Arc::new(Shape::vector(4, 2)));
        assert_eq!((halves.path(24, 4), halves.path(26, 1)), ("[3]".to_string(), "[3].y".to_string()));
        let shape = nested();
        let places = [(0, 1), (16, 3), (24, 1), (16 + 5 * 16, 3), (16 + 32, 6)];
        let called = [".w", ".rows[0][0]", ".rows[0][0].z", ".rows[2][1]", ".rows[1]"];
        assert_eq!(places.map(|(byte, n)| shape.path(byte, n)), called);
        let single = Shape::array(Some(1), 16, Arc::new(Shape::vector(4, 4)));
        assert_eq!((single.path(0, 4), Shape::number().path(0, 1)), ("[0]".to_string(), String::new()));
    }

    #[test]
    fn a_component_knows_its_vector() {
        let shape = nested();
        assert_eq!(
            [0, 16, 24, 16 + 5 * 16 + 4].map(|byte| shape.vector_at(byte)),
            [None, Some((16, 3)), Some((16, 3)), Some((16 + 5 * 16, 3))]
        );
        assert!(shape.has_vectors() && !Shape::number().has_vectors());
    }
}
