//! Logarithms in fixed point, so that no platform's `ln` can reach a decision. Knows nothing of what is measured.

/// Binary logarithm in units of 2^-20 bit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub(crate) struct Bits(pub(crate) i64);

const FRACTION: u32 = 20;

impl Bits {
    pub(crate) const ZERO: Bits = Bits(0);

    /// log2 of `x`; of zero it is that of one, since no caller has a zero to ask of.
    pub(crate) const fn log2(x: u64) -> Bits {
        Bits(log2_to(x, FRACTION))
    }

    /// log2 of the ratio of two positive numbers.
    pub(crate) const fn ratio(numerator: u64, denominator: u64) -> Bits {
        Bits(Bits::log2(numerator).0 - Bits::log2(denominator).0)
    }

    pub(crate) fn times(self, count: u64) -> Bits {
        Bits(self.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    pub(crate) fn plus(self, other: Bits) -> Bits {
        Bits(self.0.saturating_add(other.0))
    }

    pub(crate) fn minus(self, other: Bits) -> Bits {
        Bits(self.0.saturating_sub(other.0))
    }

    /// The same logarithm to base ten, whole, rounded down.
    pub(crate) fn log10_floor(self) -> i64 {
        ((i128::from(self.0) * 30_103 / 100_000) >> FRACTION) as i64
    }
}

/// log2 of `x`, as above, in units of 2^-32 bit: for what is multiplied by large numbers. Exact to a unit.
pub(crate) const fn log2_fine(x: u64) -> i64 {
    log2_to(x, 32)
}

/// Two steps make a mantissa one: each multiplies it by one of so many known factors, which takes as many of its bits.
const STEP_BITS: u32 = 7;
const STEPS: usize = 1 << STEP_BITS;
/// Factors and mantissas have so many fraction bits.
const POINT: u32 = 62;
const ONE: u64 = 1 << POINT;
/// log2(e) with `POINT` fraction bits.
const LOG2_E: u64 = 0x5c55_1d94_ae0b_f85d;

/// A factor that brings every mantissa of its stretch close to one, and minus its logarithm.
#[derive(Clone, Copy)]
struct Step {
    factor: u64,
    log2: u64,
}

/// For mantissas from 1 to 2, and for those from 1 to 1 + 1/64, in stretches of equal length.
const COARSE_STEPS: [Step; STEPS] = steps(0);
const CLOSE_STEPS: [Step; STEPS] = steps(STEP_BITS - 1);

const fn steps(shift: u32) -> [Step; STEPS] {
    let mut steps = [Step { factor: ONE, log2: 0 }; STEPS];
    let mut i = 1;
    while i < STEPS {
        // One over the stretch's lower end: what is multiplied by it is one or more, within the stretch's length.
        let lower = ONE + ((i as u64) << (POINT - STEP_BITS - shift));
        let factor = ((1 << (2 * POINT)) / lower as u128) as u64 + 1;
        // The factor lies between 1/2 and 1, so its logarithm is that of its double less one.
        steps[i] = Step { factor, log2: ONE - log2_by_squaring(factor << 1, POINT) };
        i += 1;
    }
    steps
}

/// The logarithm of a mantissa from 1 to 2, a bit for each squaring: what the tables are made of.
const fn log2_by_squaring(mantissa: u64, bits: u32) -> u64 {
    let mut mantissa = (mantissa as u128) << (63 - POINT);
    let mut result = 0;
    let mut bit = 0;
    while bit < bits {
        mantissa = (mantissa * mantissa) >> 63;
        let carry = mantissa >> 64;
        result = (result << 1) | carry as u64;
        mantissa >>= carry;
        bit += 1;
    }
    result << (POINT - bits)
}

const fn multiply(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> POINT) as u64
}

const fn log2_to(x: u64, fraction: u32) -> i64 {
    let x = if x == 0 { 1 } else { x };
    let whole = 63 - x.leading_zeros();
    let mantissa = (x << (63 - whole)) >> (63 - POINT);
    let coarse = COARSE_STEPS[((mantissa - ONE) >> (POINT - STEP_BITS)) as usize];
    let mantissa = multiply(mantissa, coarse.factor);
    let close = CLOSE_STEPS[(mantissa.saturating_sub(ONE) >> (POINT - 2 * STEP_BITS + 1)) as usize];
    // Less than 2^-13 is left, so three terms of the series are right to the last bits.
    let rest = multiply(mantissa, close.factor).saturating_sub(ONE);
    let square = multiply(rest, rest);
    let cube = multiply(square, rest);
    let series = rest - square / 2 + cube / 3;
    let log2 = coarse.log2 + close.log2 + multiply(series, LOG2_E);
    ((whole as i64) << fraction) + (log2 >> (POINT - fraction)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_exact() {
        for shift in 0..64 {
            assert_eq!(Bits::log2(1 << shift), Bits(shift << FRACTION));
        }
    }

    #[test]
    fn it_is_the_logarithm_by_squaring() {
        let mut x = 1_u64;
        for round in 0..200_000_u64 {
            // All lengths, and mantissas from everywhere.
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let x = (x >> (round % 60)).max(2);
            let whole = 63 - x.leading_zeros();
            let mantissa = (x << (63 - whole)) >> 1;
            let exact = ((i64::from(whole)) << 32) + (log2_by_squaring(mantissa, 40) >> (POINT - 32)) as i64;
            assert!((log2_fine(x) - exact).abs() <= 1, "{x}: {} {exact}", log2_fine(x));
        }
    }

    #[test]
    fn it_agrees_with_the_real_logarithm() {
        for x in [3u64, 5, 7, 10, 99, 1_000, 123_456_789, u64::MAX / 3] {
            let real = (x as f64).log2();
            let ours = Bits::log2(x).0 as f64 / f64::from(1 << FRACTION);
            assert!((real - ours).abs() < 2e-6, "{x}: {real} {ours}");
        }
    }

    #[test]
    fn decimal_exponents() {
        assert_eq!(Bits::ratio(999_000, 1).log10_floor(), 5);
        assert_eq!(Bits::ratio(1_001_000, 1).log10_floor(), 6);
        assert_eq!(Bits::ratio(1, 1_000).log10_floor(), -3);
        assert_eq!(Bits(100 << FRACTION).log10_floor(), 30);
    }
}
