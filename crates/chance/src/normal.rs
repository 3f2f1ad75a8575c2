//! The quantile function of the standard normal distribution.

/// The value below which this part of a standard normal distribution lies: Wichura's algorithm AS 241 (PPND16,
/// Applied Statistics 37, 1988, pages 477 to 484), right to about one part in 10¹⁶. Minus infinity at 0, infinity at
/// 1.
pub(crate) fn quantile(part: f64) -> f64 {
    if part <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if part >= 1.0 {
        return f64::INFINITY;
    }
    let from_middle = part - 0.5;
    if from_middle.abs() <= 0.425 {
        let r = 0.180_625 - from_middle * from_middle;
        return from_middle * polynomial(&MIDDLE.0, r) / polynomial(&MIDDLE.1, r);
    }
    let tail = if from_middle < 0.0 { part } else { 1.0 - part };
    let r = (-tail.ln()).sqrt();
    let distance = if r <= 5.0 {
        polynomial(&TAIL.0, r - 1.6) / polynomial(&TAIL.1, r - 1.6)
    } else {
        polynomial(&FAR_TAIL.0, r - 5.0) / polynomial(&FAR_TAIL.1, r - 5.0)
    };
    distance.copysign(from_middle)
}

/// Coefficients from the highest power down.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Numerator and denominator.
type Fraction = ([f64; 8], [f64; 8]);

#[expect(clippy::excessive_precision, reason = "the digits are those of the paper")]
const MIDDLE: Fraction = (
    [
        2.509_080_928_730_122_672_7e3,
        3.343_057_558_358_812_810_5e4,
        6.726_577_092_700_870_085_3e4,
        4.592_195_393_154_987_145_7e4,
        1.373_169_376_550_946_112_5e4,
        1.971_590_950_306_551_442_7e3,
        1.331_416_678_917_843_774_5e2,
        3.387_132_872_796_366_608_0e0,
    ],
    [
        5.226_495_278_852_854_561_0e3,
        2.872_908_573_572_194_267_4e4,
        3.930_789_580_009_271_061_0e4,
        2.121_379_430_158_659_586_7e4,
        5.394_196_021_424_751_107_7e3,
        6.871_870_074_920_579_083_0e2,
        4.231_333_070_160_091_125_2e1,
        1.0,
    ],
);

#[expect(clippy::excessive_precision, reason = "the digits are those of the paper")]
const TAIL: Fraction = (
    [
        7.745_450_142_783_414_076_40e-4,
        2.272_384_498_926_918_458_33e-2,
        2.417_807_251_774_506_117_70e-1,
        1.270_458_252_452_368_382_58e0,
        3.647_848_324_763_204_605_04e0,
        5.769_497_221_460_691_405_50e0,
        4.630_337_846_156_545_295_90e0,
        1.423_437_110_749_683_577_34e0,
    ],
    [
        1.050_750_071_644_416_843_24e-9,
        5.475_938_084_995_344_946_00e-4,
        1.519_866_656_361_645_719_66e-2,
        1.481_039_764_274_800_745_90e-1,
        6.897_673_349_851_000_045_50e-1,
        1.676_384_830_183_803_849_40e0,
        2.053_191_626_637_758_821_87e0,
        1.0,
    ],
);

#[expect(clippy::excessive_precision, reason = "the digits are those of the paper")]
const FAR_TAIL: Fraction = (
    [
        2.010_334_399_292_288_132_65e-7,
        2.711_555_568_743_487_578_15e-5,
        1.242_660_947_388_078_438_60e-3,
        2.653_218_952_657_612_309_30e-2,
        2.965_605_718_285_048_912_30e-1,
        1.784_826_539_917_291_335_80e0,
        5.463_784_911_164_114_369_90e0,
        6.657_904_643_501_103_777_20e0,
    ],
    [
        2.044_263_103_389_939_785_64e-15,
        1.421_511_758_316_445_888_70e-7,
        1.846_318_317_510_054_681_80e-5,
        7.868_691_311_456_132_591_00e-4,
        1.487_536_129_085_061_485_25e-2,
        1.369_298_809_227_358_053_10e-1,
        5.998_322_065_558_879_376_90e-1,
        1.0,
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    /// From tables with more digits than an `f64` holds; all three fractions are used.
    #[test]
    fn known_values() {
        let known = [
            (0.5, 0.0),
            (0.7, 0.524_400_512_708_040_7),
            (0.9, 1.281_551_565_544_600_5),
            (0.975, 1.959_963_984_540_054),
            (0.999, 3.090_232_306_167_813_5),
            (0.1, -1.281_551_565_544_600_5),
            (1e-10, -6.361_340_902_404_056),
            (1e-20, -9.262_340_089_798_408),
            (1e-300, -37.047_096_299_361_2),
        ];
        for (part, expected) in known {
            let found = quantile(part);
            assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{part}: {found}");
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }

    /// An independent way: Simpson's rule over the density gives the part back.
    #[test]
    fn it_inverts_the_integral_of_the_density() {
        let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
        for part in [0.51, 0.6, 0.8, 0.92, 0.93, 0.99, 0.999_9, 0.999_999] {
            let x = quantile(part);
            let step = x / 2000.0;
            let sum: f64 = (0..=2000_u32)
                .map(|at| {
                    let weight = if at == 0 || at == 2000 { 1.0 } else { f64::from(2 + at % 2 * 2) };
                    weight * density(f64::from(at) * step)
                })
                .sum();
            let found = 0.5 + sum * step / 3.0;
            assert!((found - part).abs() < 1e-11, "{part}: {found}");
        }
    }
}
