//! A blocked Bloom filter: says of a key that it is certainly not, or perhaps, in a segment.
//!
//! It can be asked on disk as in memory: one key touches one block of 64 bytes, which carries its own checksum.
//! At ten bits per key about one key in 100 that is not there passes. Keys chosen to pass cost a few reads.

use crate::record::Key;

/// Bytes of one block: 60 bytes of bits, then their CRC32C.
pub(crate) const BLOCK_BYTES: usize = 64;
const BITS_BYTES: usize = 60;
const BITS: u64 = BITS_BYTES as u64 * 8;
const KEYS_PER_BLOCK: usize = 48;
const PROBES: u32 = 6;

/// A filter in memory, as it is on disk.
#[derive(Debug)]
pub(crate) struct Filter {
    blocks: Vec<[u8; BLOCK_BYTES]>,
}

impl Filter {
    pub(crate) fn of(blocks: Vec<[u8; BLOCK_BYTES]>) -> Self {
        Self { blocks }
    }

    pub(crate) fn blocks(&self) -> &[[u8; BLOCK_BYTES]] {
        &self.blocks
    }

    pub(crate) fn bytes(&self) -> u64 {
        (self.blocks.len() * BLOCK_BYTES) as u64
    }

    /// Whether `key` may be in the segment; `None` if the filter is damaged there.
    pub(crate) fn may_contain(&self, key: &Key) -> Option<bool> {
        let index = usize::try_from(block_of(key, self.blocks.len() as u64)).ok()?;
        may_contain(self.blocks.get(index)?, key)
    }
}

/// A filter being filled.
#[derive(Debug)]
pub(crate) struct FilterBuilder {
    blocks: Vec<[u8; BLOCK_BYTES]>,
}

impl FilterBuilder {
    /// For about `keys` different keys.
    pub(crate) fn new(keys: usize) -> Self {
        Self { blocks: vec![[0; BLOCK_BYTES]; keys.div_ceil(KEYS_PER_BLOCK).max(1)] }
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.blocks.len() as u64
    }

    pub(crate) fn insert(&mut self, key: &Key) {
        let index = usize::try_from(block_of(key, self.blocks())).expect("blocks are indexed by usize");
        for bit in bits_of(key) {
            self.blocks[index][bit / 8] |= 1 << (bit % 8);
        }
    }

    /// The filter, its blocks with their checksums.
    pub(crate) fn finish(mut self) -> Filter {
        for block in &mut self.blocks {
            let crc = crc32c::crc32c(&block[..BITS_BYTES]);
            block[BITS_BYTES..].copy_from_slice(&crc.to_le_bytes());
        }
        Filter::of(self.blocks)
    }
}

/// Which of `blocks` blocks answers for `key`.
pub(crate) fn block_of(key: &Key, blocks: u64) -> u64 {
    let scaled = u128::from(hash(key)) * u128::from(blocks);
    u64::try_from(scaled >> 64).expect("the upper half of a product of 64-bit numbers")
}

/// Whether `key` may be in the segment, by its block; `None` if the block is damaged.
pub(crate) fn may_contain(block: &[u8; BLOCK_BYTES], key: &Key) -> Option<bool> {
    if block[BITS_BYTES..] != crc32c::crc32c(&block[..BITS_BYTES]).to_le_bytes() {
        return None;
    }
    Some(bits_of(key).all(|bit| block[bit / 8] & 1 << (bit % 8) != 0))
}

fn bits_of(key: &Key) -> impl Iterator<Item = usize> {
    let bits = mix(hash(key));
    (0..PROBES).map(move |probe| {
        let part = bits >> (probe * 10) & 1023;
        usize::try_from(part * BITS / 1024).expect("less than 480")
    })
}

/// Part of the format: it must give the same number on every machine, for ever.
fn hash(key: &Key) -> u64 {
    let (low, high) = key.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
    mix(number(low) ^ mix(number(high)))
}

/// The finaliser of SplitMix64, with its increment, so that zero is no fixed point.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Key {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&number.to_le_bytes());
        key
    }

    #[test]
    fn what_is_in_passes_and_few_others_do() {
        let mut filter = FilterBuilder::new(10_000);
        (0..10_000).for_each(|number| filter.insert(&key(number)));
        let filter = filter.finish();
        assert!((0..10_000).all(|number| filter.may_contain(&key(number)) == Some(true)));
        let passed =
            (10_000..110_000).filter(|number| filter.may_contain(&key(*number)) == Some(true)).count();
        assert!(passed < 3_000, "{passed} of 100000");
    }

    #[test]
    fn an_empty_filter_passes_nothing_and_damage_is_noticed() {
        let mut filter = FilterBuilder::new(0).finish();
        assert_eq!(filter.may_contain(&key(1)), Some(false));
        filter.blocks[0][17] ^= 4;
        assert_eq!(filter.may_contain(&key(1)), None);
    }

    #[test]
    fn the_hash_is_part_of_the_format() {
        assert_eq!(hash(&[0; 16]), 0xA706_DD2F_4D19_7E6F);
        assert_eq!(hash(&[0xAB; 16]), 0x8D03_C913_7532_CA28);
    }
}
