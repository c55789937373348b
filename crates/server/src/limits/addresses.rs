//! Buckets by address in memory that never grows: each address has one cell in each of four rows, chosen by a keyed
//! hash, and is held back only when all four are empty. Nothing is ever evicted, so nobody can push another's bucket out;
//! who shares a cell with a flood still has three others. IPv6 counts by /64, which is what one subscriber has.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use super::bucket::{Bucket, Rate};

const ROWS: usize = 4;
/// 1 MiB for four rows of requests and bytes.
const CELLS: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct AddressBuckets {
    rate: Rate,
    rows: [Box<[Bucket]>; ROWS],
    /// Chosen at the start, so that no one can compute who shares a cell with whom.
    hash: RandomState,
}

impl AddressBuckets {
    pub(crate) fn new(rate: Rate) -> Self {
        let rows = std::array::from_fn(|_| (0..CELLS).map(|_| Bucket::default()).collect());
        Self { rate, rows, hash: RandomState::new() }
    }

    pub(crate) fn wait_ns(&self, address: IpAddr, now_ns: u64) -> u64 {
        self.wait_beside_ns(address, 0, now_ns)
    }

    pub(crate) fn wait_beside_ns(&self, address: IpAddr, kept_ns: u64, now_ns: u64) -> u64 {
        let waits = self.cells(address).map(|cell| cell.wait_beside_ns(self.rate, kept_ns, now_ns));
        waits.into_iter().min().unwrap_or(0)
    }

    /// Only the cell that says least is charged, and the others raised to it: they know more of somebody else.
    pub(crate) fn take(&self, address: IpAddr, tokens: u64, now_ns: u64) {
        let cells = self.cells(address);
        let Some(least) = cells.iter().min_by_key(|cell| cell.full_at_ns(now_ns)) else { return };
        let after = least.take(self.rate, tokens, now_ns);
        cells.iter().for_each(|cell| cell.raise(after));
    }

    fn cells(&self, address: IpAddr) -> [&Bucket; ROWS] {
        let hash = self.hash.hash_one(subscriber(address));
        std::array::from_fn(|row| {
            let part = (hash >> (row * 16)) as usize;
            &self.rows[row][part % CELLS]
        })
    }
}

/// An IPv4 address, or the first 64 bits of an IPv6 one.
pub(crate) fn subscriber(address: IpAddr) -> (bool, u64) {
    match address.to_canonical() {
        IpAddr::V4(address) => (false, u64::from(address.to_bits())),
        IpAddr::V6(address) => (true, (address.to_bits() >> 64) as u64),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const RATE: Rate = Rate::per_second(10);

    fn empties(buckets: &AddressBuckets, address: IpAddr) -> usize {
        let pass = |_: &usize| {
            let passes = buckets.wait_ns(address, 1) == 0;
            buckets.take(address, 1, 1);
            passes
        };
        (0..100).take_while(pass).count()
    }

    #[test]
    fn an_address_has_its_burst_and_others_have_theirs() {
        let buckets = AddressBuckets::new(RATE);
        assert_eq!(empties(&buckets, Ipv4Addr::new(192, 0, 2, 1).into()), 20);
        assert_eq!(empties(&buckets, Ipv4Addr::new(192, 0, 2, 2).into()), 20);
        assert_eq!(empties(&buckets, Ipv4Addr::new(192, 0, 2, 1).into()), 0);
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_client_and_so_is_an_address_in_both_forms() {
        let buckets = AddressBuckets::new(RATE);
        let of = |host| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_0000_0001_u128 << 64) | host));
        assert_eq!((0..100).map(|host| empties(&buckets, of(host))).sum::<usize>(), 20);
        assert_eq!(empties(&buckets, IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8_0000_0002_u128 << 64))), 20);
        let (plain, mapped) = (Ipv4Addr::new(192, 0, 2, 9), Ipv4Addr::new(192, 0, 2, 9).to_ipv6_mapped());
        assert_eq!(empties(&buckets, plain.into()) + empties(&buckets, mapped.into()), 20);
    }

    #[test]
    fn a_crowd_of_flooding_addresses_leaves_the_others_their_buckets() {
        let buckets = AddressBuckets::new(RATE);
        for flooding in 0..2_000_u32 {
            buckets.take(Ipv4Addr::from_bits(0x0a00_0000 + flooding).into(), 1_000_000, 1);
        }
        let others = (0..1_000_u32).map(|other| IpAddr::from(Ipv4Addr::from_bits(0xc000_0200 + other)));
        let held_back = others.filter(|other| buckets.wait_ns(*other, 1) > 0).count();
        // One in eight cells of each row is empty, so one address in four thousand meets four of them.
        assert!(held_back <= 5, "{held_back} of 1000");
    }
}
