//! Bytes and numbers as JSON-RPC writes them: `0x` and hexadecimal. It must never know what they stand for.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Exactly `N` bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed<const N: usize>(pub [u8; N]);

pub type Hash = Fixed<32>;
pub type Address = Fixed<20>;

impl<const N: usize> Fixed<N> {
    pub const ZERO: Self = Self([0; N]);
}

impl<const N: usize> fmt::Display for Fixed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Fixed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not `0x` and the right number of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 0x and {digits} hexadecimal digits")]
pub struct NotFixed {
    digits: usize,
}

impl<const N: usize> FromStr for Fixed<N> {
    type Err = NotFixed;

    fn from_str(text: &str) -> Result<Self, NotFixed> {
        let bytes = parse_data(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(NotFixed { digits: N * 2 })
    }
}

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Without leading zeros: what Ethereum calls a quantity.
pub fn quantity(number: impl Into<u128>) -> String {
    format!("{:#x}", number.into())
}

/// Two digits a byte.
pub fn data(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("0x");
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub fn parse_data(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// Forgives leading zeros, as some clients send them.
pub fn parse_quantity(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with('+'))?;
    u64::from_str_radix(digits, 16).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(quantity(0_u64), "0x0");
        assert_eq!(quantity(255_u64), "0xff");
        assert_eq!(data(&[0, 0xab]), "0x00ab");
        assert_eq!(parse_data("0x00Ab"), Some(vec![0, 0xab]));
        assert_eq!(parse_quantity("0x0ff"), Some(255));
        let hash = Fixed([7; 20]);
        assert_eq!(hash.to_string().parse::<Address>(), Ok(hash));
    }

    #[test]
    fn what_is_no_hexadecimal_is_refused() {
        for bad in ["", "0", "ab", "0xa", "0xzz", "0x+1"] {
            assert_eq!(parse_data(bad), None, "{bad}");
        }
        for bad in ["", "0x", "12", "0x+1", "0x1ffffffffffffffff"] {
            assert_eq!(parse_quantity(bad), None, "{bad}");
        }
        assert_eq!(
            "0x00".parse::<Address>().unwrap_err().to_string(),
            "expected 0x and 40 hexadecimal digits"
        );
    }
}
