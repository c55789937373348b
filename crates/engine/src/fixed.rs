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

/// log2 of `x`, as above, in units of 2^-32 bit: for what is multiplied by large numbers.
pub(crate) const fn log2_fine(x: u64) -> i64 {
    log2_to(x, 32)
}

const fn log2_to(x: u64, fraction: u32) -> i64 {
    let x = if x == 0 { 1 } else { x };
    let whole = 63 - x.leading_zeros();
    // The mantissa in [1, 2) with 63 fraction bits, squared once per result bit.
    let mut mantissa = (x as u128) << (63 - whole);
    let mut result = whole as i64;
    let mut bit = 0;
    while bit < fraction {
        mantissa = (mantissa * mantissa) >> 63;
        let carry = mantissa >> 64;
        result = (result << 1) | carry as i64;
        mantissa >>= carry;
        bit += 1;
    }
    result
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
