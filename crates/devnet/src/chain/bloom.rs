//! The filter of 2048 bits that says which addresses and topics the logs of a block may have. It must never know the logs
//! themselves.

use std::fmt;

use super::hex;
use super::keccak::keccak256;

const BYTES: usize = 256;

#[derive(Clone, PartialEq, Eq)]
pub struct Bloom(Box<[u8; BYTES]>);

impl Bloom {
    pub fn new() -> Self {
        Self(Box::new([0; BYTES]))
    }

    pub fn add(&mut self, value: &[u8]) {
        for (byte, mask) in places(value) {
            self.0[byte] |= mask;
        }
    }

    /// `false` is certain, `true` is not.
    pub fn may_contain(&self, value: &[u8]) -> bool {
        places(value).iter().all(|(byte, mask)| self.0[*byte] & mask != 0)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0[..]
    }
}

/// Three of the bits, counted from the end, chosen by the first three pairs of bytes of the hash.
fn places(value: &[u8]) -> [(usize, u8); 3] {
    let hash = keccak256(value).0;
    [0, 2, 4].map(|pair| {
        let bit = usize::from(u16::from_be_bytes([hash[pair], hash[pair + 1]]) & 0x7ff);
        (BYTES - 1 - bit / 8, 1 << (bit % 8))
    })
}

impl Default for Bloom {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::data(self.as_bytes()))
    }
}

impl fmt::Debug for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bloom({} bits)", self.0.iter().map(|byte| byte.count_ones()).sum::<u32>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by hand: the hash of nothing begins with c5d2 4601 86f7, whose last eleven bits are 1490, 1537 and 1783.
    #[test]
    fn the_bits_of_nothing() {
        let mut bloom = Bloom::new();
        bloom.add(b"");
        let mut expected = [0; BYTES];
        (expected[69], expected[63], expected[33]) = (1 << 2, 1 << 1, 1 << 7);
        assert_eq!(bloom.as_bytes(), expected);
    }
}
