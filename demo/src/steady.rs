//! Which charges fail all the time, in a scenario with a steady failure rate: scattered as chance would
//! scatter them, yet the same in every run, so that their number is known beforehand.

/// Fails the charge with this number, counted from 0?
pub(crate) fn fails(number: u64, per_mille: u32) -> bool {
    mix(number) % 1_000 < u64::from(per_mille)
}

/// How many of the first `charges` fail.
pub(crate) fn failures(charges: u64, per_mille: u32) -> u64 {
    (0..charges).map(|number| u64::from(fails(number, per_mille))).sum()
}

/// The finaliser of SplitMix64.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_asked_for_share_fails() {
        let failed = failures(100_000, 5);
        assert!((430..=570).contains(&failed), "{failed} of 100000");
        assert_eq!(failures(10_000, 0), 0);
        assert_eq!(failures(10_000, 1_000), 10_000);
    }

    #[test]
    fn even_a_short_run_has_some() {
        assert!(failures(600, 5) > 0);
    }
}
