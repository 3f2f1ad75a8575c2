//! The quantile function of Student's t distribution.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// The value below which this part, from 0.5 to just below 1, of a t distribution lies. Exact sums (Abramowitz and
/// Stegun, 26.7.3 and 26.7.4), inverted by halving the angle's interval until nothing is left of it.
pub(super) fn quantile(part: f64, degrees_of_freedom: usize) -> f64 {
    let within = 2.0 * part - 1.0;
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return low.tan() * (degrees_of_freedom as f64).sqrt();
        }
        if part_within(middle, degrees_of_freedom) < within {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// Which part lies between -t and t, where tan(angle) = t / √(degrees of freedom).
fn part_within(angle: f64, degrees_of_freedom: usize) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    let odd = degrees_of_freedom % 2 == 1;
    // Each term has two more powers of the cosine than the one before, up to its degrees of freedom less two.
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = 0.0;
    let mut power = usize::from(odd);
    while power + 2 <= degrees_of_freedom {
        sum += term;
        term *= cosine * cosine * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    if odd { FRAC_2_PI * (angle + sine * sum) } else { sine * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the printed tables.
    #[test]
    fn known_values() {
        let known = [
            (0.975, 1, 12.706),
            (0.9995, 1, 636.619),
            (0.975, 2, 4.303),
            (0.995, 3, 5.841),
            (0.975, 10, 2.228),
            (0.9995, 11, 4.437),
            (0.995, 29, 2.756),
            (0.975, 120, 1.980),
            (0.5, 7, 0.0),
        ];
        for (part, degrees_of_freedom, expected) in known {
            let found = quantile(part, degrees_of_freedom);
            assert!((found - expected).abs() < 6e-4, "{part}, {degrees_of_freedom}: {found}");
        }
    }

    #[test]
    fn many_degrees_of_freedom_approach_the_normal_distribution() {
        let normal = chance::Distribution::LogNormal { median: 1.0, sigma: 1.0 };
        for part in [0.6, 0.975, 0.999_75] {
            let (found, normal) = (quantile(part, 100_000), normal.quantile(part).ln());
            assert!((found - normal).abs() < 1e-3, "{part}: {found}, {normal}");
        }
    }
}
