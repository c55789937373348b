//! Ethereum's two ways of writing numbers: data of a known length, and quantities. It must never accept what a node would
//! not.

/// `0x` and exactly `2 * N` digits.
pub fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut value = [0; N];
    for (byte, pair) in value.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(value)
}

/// `0x` and one to sixteen digits.
pub fn quantity(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |value, byte| Some(value << 4 | u64::from(digit(*byte)?)))
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_has_its_length_and_quantities_fit() {
        assert_eq!(bytes::<2>("0xaB09"), Some([0xab, 0x09]));
        for wrong in ["ab09", "0xab0", "0xab091", "0xab0g", "0x", "0xä"] {
            assert_eq!(bytes::<2>(wrong), None, "{wrong}");
        }
        assert_eq!(quantity("0x0"), Some(0));
        assert_eq!(quantity("0xffffffffffffffff"), Some(u64::MAX));
        for wrong in ["0x", "10", "0x10000000000000000", "0x-1", "-0x1", "0x1 "] {
            assert_eq!(quantity(wrong), None, "{wrong}");
        }
    }
}
