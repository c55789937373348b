//! Numbers as integers of millionths: exact as far as millionths go, half to even beyond, and at the nearest end
//! where they do not fit. Done in integers, so that it is the same on every machine.

const MILLION: i128 = 1_000_000;
/// Bits of an `f64` behind the leading one.
const FRACTION_BITS: u32 = 52;
/// Beyond this shift any number but zero is out of bounds, or nothing is left of it.
const SHIFT_MAX: i32 = 80;

/// `None` where the number is not finite.
pub(super) fn millionths(number: f64) -> Option<i64> {
    if !number.is_finite() {
        return None;
    }
    let bits = number.to_bits();
    let is_negative = bits >> 63 == 1;
    let exponent = (bits >> FRACTION_BITS & 0x7ff) as i32;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    // Below the smallest exponent there is no leading one.
    let (mantissa, exponent) = match exponent {
        0 => (fraction, 1),
        exponent => (fraction | 1 << FRACTION_BITS, exponent),
    };
    // The number is mantissa * 2^shift; the product has at most 73 bits.
    let shift = exponent - 1023 - FRACTION_BITS as i32;
    let scaled = i128::from(mantissa) * MILLION;
    let magnitude = match shift {
        _ if mantissa == 0 => 0,
        shift if shift > 40 => i128::MAX,
        shift if shift >= 0 => scaled << shift,
        shift if shift < -SHIFT_MAX => 0,
        shift => shifted_down(scaled, -shift),
    };
    Some(saturated(if is_negative { -magnitude } else { magnitude }))
}

pub(super) fn millionths_of_count(count: i128) -> i64 {
    saturated(count * MILLION)
}

fn saturated(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

/// `number / 2^shift` for a number that is not negative, half to even.
fn shifted_down(number: i128, shift: i32) -> i128 {
    let whole = number >> shift;
    let rest = number - (whole << shift);
    let half = 1i128 << (shift - 1);
    let rounds_up = rest > half || (rest == half && whole & 1 == 1);
    whole + i128::from(rounds_up)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_exact_or_at_the_nearest_end() {
        for (number, expected) in [
            (0.0, 0),
            (-0.0, 0),
            (1.0, 1_000_000),
            (-1.5, -1_500_000),
            (0.1, 100_000),
            (0.000_001, 1),
            (0.000_000_4, 0),
            // Halves that are exact in binary: to even.
            (0.5 / 1_048_576.0 * 1_048_576.0, 500_000),
            (1.0 / 128.0, 7812),  // 7812.5
            (3.0 / 128.0, 23438), // 23437.5
            (9_223_372_036_854.0, 9_223_372_036_854_000_000),
            (9_223_372_036_855.0, i64::MAX),
            (-9_223_372_036_855.0, i64::MIN),
            (1e300, i64::MAX),
            (f64::MAX, i64::MAX),
            (f64::MIN, i64::MIN),
            (f64::MIN_POSITIVE, 0),
            (5e-324, 0),
            (4_503_599_627_370_497.0, i64::MAX),
        ] {
            assert_eq!(millionths(number), Some(expected), "{number}");
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(millionths(number), None);
        }
        assert_eq!(millionths_of_count(7), 7_000_000);
        assert_eq!(millionths_of_count(u64::MAX.into()), i64::MAX);
        assert_eq!(millionths_of_count(i64::MIN.into()), i64::MIN);
    }

    proptest! {
        #[test]
        fn whole_numbers_are_exact(number in -9_223_372_036_854i64..=9_223_372_036_854) {
            prop_assert_eq!(millionths(number as f64), Some(number * 1_000_000));
            prop_assert_eq!(millionths_of_count(number.into()), number * 1_000_000);
        }

        /// A decimal text with six places is what the nearest double stands for.
        #[test]
        fn six_places_are_kept(millionth in -1_000_000_000_000i64..1_000_000_000_000) {
            let sign = if millionth < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:06}", millionth.abs() / 1_000_000, millionth.abs() % 1_000_000);
            prop_assert_eq!(millionths(text.parse().unwrap()), Some(millionth), "{}", text);
        }

        #[test]
        fn order_is_kept(one in any::<f64>(), other in any::<f64>()) {
            if let (Some(a), Some(b)) = (millionths(one), millionths(other)) && one <= other {
                prop_assert!(a <= b, "{} {}", one, other);
            }
        }
    }
}
