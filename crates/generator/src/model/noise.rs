//! Values that wander, as a function of time: no past is needed to know them.

use crate::random::splitmix;

/// Smooth noise: about normal with deviation 1 at the borders of the cells, which are `cell_us` long, and
/// between them by a smooth step from one to the next (deviation 0.86 over all times).
pub(crate) fn wander(of: u64, cell_us: i64, at_us: i64) -> f64 {
    let cell = at_us.div_euclid(cell_us);
    let part = at_us.rem_euclid(cell_us) as f64 / cell_us as f64;
    let (from, to) = (bell(of, cell), bell(of, cell + 1));
    from + (to - from) * part * part * (3.0 - 2.0 * part)
}

/// About normal, within 3.5: the sum of four even numbers of 16 bits each.
fn bell(of: u64, cell: i64) -> f64 {
    let bits = splitmix(of ^ splitmix(cell as u64));
    let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    // Mean 2 and deviation sqrt(4 / 12) of four numbers from 0 to 1.
    (sum as f64 / 65_536.0 - 2.0) * 1.732_050_807_568_877_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_wanders_without_jumps_around_zero() {
        let cell_us = 1_000_000;
        let values: Vec<f64> = (0..200_000).map(|n| wander(7, cell_us, n * 10_000)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.08, "{mean}");
        assert!((libm::sqrt(square) - 0.86).abs() < 0.04, "{}", libm::sqrt(square));
        let jump = values
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .fold(0.0, f64::max);
        assert!(jump < 0.11, "{jump}");
    }
}
