//! Comparing what was computed with what should have been, and saying where they differ.

/// The nearest number of a half (IEEE 754 binary16: 11 bits, from 2^-24 to 65504); of two, the even one.
pub fn half(v: f64) -> f64 {
    let exponent = (v.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    let unit = f64::exp2(f64::from(exponent.max(-14) - 10));
    let nearest = (v / unit).round_ties_even() * unit;
    if nearest.abs() > 65504.0 { f64::INFINITY.copysign(v) } else { nearest }
}

/// Values that a report shows.
const SHOWN: usize = 5;

/// The worst deviation found, as a fraction of the buffer's largest value.
pub type Worst = f64;

/// Values of a buffer that are not what they should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// The buffer's name.
    pub name: String,
    /// How many values differ, of how many.
    pub count: usize,
    pub len: usize,
    /// The first few of them.
    pub first: Vec<Difference>,
}

/// A value that is not what it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Its number in the buffer, and its coordinates: (n, c, h, w) for images.
    pub index: usize,
    pub place: Vec<usize>,
    pub got: f64,
    pub expected: f64,
    /// How far apart they may be.
    pub allowed: f64,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        writeln!(f, "{}: {} of {} values differ", self.name, self.count, self.len)?;
        for Difference { place, got, expected, allowed, .. } in &self.first {
            let off = (got - expected).abs();
            writeln!(
                f,
                "  at {place:?}: got {got:e}, expected {expected:e}, off by {off:e}, allowed {allowed:e}"
            )?;
        }
        Ok(())
    }
}

/// Compares `got` with `expected`; `Err` says how many values differ and shows the first few.
pub fn compare(
    name: &str,
    shape: &[usize],
    got: &[f64],
    expected: &[f64],
    allowed: &[f64],
) -> Result<Worst, Mismatch> {
    assert_eq!(got.len(), expected.len(), "{name}: lengths differ");
    // Not `error > allowed`: that is false for NaN, and a kernel that writes nothing but NaN would pass.
    let agree = |i: usize| {
        let same = got[i] == expected[i] || (got[i].is_nan() && expected[i].is_nan());
        same || (got[i] - expected[i]).abs() <= allowed[i]
    };
    let wrong: Vec<usize> = (0..got.len()).filter(|&i| !agree(i)).collect();
    if wrong.is_empty() {
        let largest =
            expected.iter().filter(|v| v.is_finite()).fold(f64::MIN_POSITIVE, |max, v| max.max(v.abs()));
        let errors = got.iter().zip(expected).map(|(g, e)| (g - e).abs()).filter(|error| error.is_finite());
        return Ok(errors.fold(0.0, f64::max) / largest);
    }
    let difference = |&index: &usize| Difference {
        index,
        place: position(index, shape),
        got: got[index],
        expected: expected[index],
        allowed: allowed[index],
    };
    let first = wrong.iter().take(SHOWN).map(difference).collect();
    Err(Mismatch { name: name.to_string(), count: wrong.len(), len: got.len(), first })
}

/// The coordinates of element `i`: (n, c, h, w) for images.
pub fn position(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut coordinates = vec![0; shape.len()];
    for (coordinate, size) in coordinates.iter_mut().zip(shape).rev() {
        *coordinate = i % size;
        i /= size;
    }
    coordinates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_a_difference_unless_both_are() {
        assert!(compare("y", &[1], &[f64::NAN], &[1.0], &[1e9]).is_err());
        assert!(compare("y", &[1], &[1.0], &[f64::NAN], &[1e9]).is_err());
        assert!(compare("y", &[1], &[f64::NAN], &[f64::NAN], &[0.0]).is_ok());
    }

    #[test]
    fn a_report_names_the_place_and_both_values() {
        let report = compare("dw", &[2, 3], &[0.0, 0.0, 0.0, 0.0, 0.0, 2.5], &[0.0; 6], &[0.0; 6])
            .unwrap_err()
            .to_string();
        assert!(
            report.contains("1 of 6") && report.contains("[1, 2]") && report.contains("2.5e0"),
            "{report}"
        );
    }

    #[test]
    fn halves_are_rounded_to_eleven_bits() {
        let u = f64::exp2(-11.0);
        for (v, wanted) in [
            (1.0, 1.0),
            (1.0 + u, 1.0),
            (1.0 + 1.01 * u, 1.0 + 2.0 * u),
            (1.0 + 3.0 * u, 1.0 + 4.0 * u),
            (-0.1, -0.0999755859375),
            (65519.0, 65504.0),
            (65520.0, f64::INFINITY),
            (-1e9, f64::NEG_INFINITY),
            (f64::exp2(-24.0), f64::exp2(-24.0)),
            (f64::exp2(-25.0), 0.0),
            (0.0, 0.0),
        ] {
            assert_eq!(half(v), wanted, "{v}");
        }
        assert!(half(f64::NAN).is_nan());
    }

    #[test]
    fn infinities_are_equal_only_to_themselves() {
        let inf = f64::INFINITY;
        assert!(compare("y", &[1], &[inf], &[inf], &[0.0]).is_ok());
        assert!(compare("y", &[1], &[-inf], &[inf], &[0.0]).is_err());
        assert!(compare("y", &[1], &[1.0], &[inf], &[0.0]).is_err());
    }
}
