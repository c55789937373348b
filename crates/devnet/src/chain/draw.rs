//! Numbers that look random and follow from a seed. It must never know what is drawn for.

use super::hex::{Address, Fixed, Hash};
use super::keccak::keccak256_of;

#[derive(Debug, Clone)]
pub struct Draw {
    state: u64,
}

impl Draw {
    /// The same subject and numbers, the same draws.
    pub fn new(subject: &str, numbers: &[u64]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        let hash = keccak256_of(&[subject.as_bytes(), &bytes]);
        let (first, _) = hash.0.split_first_chunk::<8>().expect("a hash has 32 bytes");
        Self { state: u64::from_be_bytes(*first) }
    }

    /// A step of SplitMix64.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }

    pub fn bytes<const N: usize>(&mut self) -> Fixed<N> {
        let mut out = [0; N];
        for chunk in out.chunks_mut(8) {
            let drawn = self.number().to_be_bytes();
            chunk.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
        }
        Fixed(out)
    }

    pub fn hash(&mut self) -> Hash {
        self.bytes()
    }

    pub fn address(&mut self) -> Address {
        self.bytes()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(from.len() as u64);
        from.get(usize::try_from(at).unwrap_or(0))
    }
}
