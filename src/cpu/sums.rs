//! Long sums on the CPU, in an order that depends on their lengths alone.

/// Sums side by side: as many as fill a few vector registers. One sum would wait for each addition before the next.
const LANES: usize = 16;

/// The sum of `term` over the values of some slices of one length, taken together.
pub fn sum<const N: usize>(of: [&[f32]; N], term: impl Fn([f32; N]) -> f32) -> f32 {
    let whole = of[0].len() / LANES * LANES;
    let mut lanes = [0.0; LANES];
    for start in (0..whole).step_by(LANES) {
        let values: [&[f32; LANES]; N] =
            of.map(|slice| slice[start..start + LANES].try_into().expect("so many values"));
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(values.map(|values| values[lane]));
        }
    }
    for (i, sum) in (whole..of[0].len()).zip(&mut lanes) {
        *sum += term(of.map(|slice| slice[i]));
    }
    lanes.iter().sum()
}

/// How many planes of `area` values are worth a thread's while.
pub fn planes_of_a_task(area: usize) -> usize {
    (16 * 1024 / area).max(1)
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn every_value_counts_once() {
        for len in [0usize, 1, 15, 16, 17, 100] {
            let (a, b): (Vec<f32>, Vec<f32>) = (0..len).map(|i| (i as f32, 2.0)).unzip();
            assert_eq!(sum([&a], |[a]| a), (0..len).sum::<usize>() as f32, "{len}");
            assert_eq!(sum([&a, &b], |[_, b]| b), 2.0 * len as f32, "{len}");
        }
    }
}
