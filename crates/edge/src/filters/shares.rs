//! How many filters clients of one network have where nobody shows a key: one of them is not to take the places of all. It must
//! never know what a filter is about.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one site is given of IPv6 addresses: whoever has one of them has all.
const SITE: u128 = u128::MAX << 64;

/// Where a client comes from: an IPv4 address, or the first half of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

/// Of all networks that have any.
#[derive(Debug, Default)]
pub(super) struct Shares(Mutex<HashMap<Network, usize>>);

/// One of a network's, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    of: Arc<Shares>,
    pub(super) network: Network,
}

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() & SITE).into()),
            address => Self(address),
        }
    }
}

impl Shares {
    /// One more, if it may have one.
    pub(super) fn enter(self: &Arc<Self>, network: Network, max: usize) -> Option<Share> {
        let mut counts = self.lock();
        let count = counts.get(&network).copied().unwrap_or(0);
        if count >= max {
            return None;
        }
        counts.insert(network, count + 1);
        Some(Share { of: Arc::clone(self), network })
    }

    pub(super) fn of(&self, network: Network) -> usize {
        self.lock().get(&network).copied().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        // Numbers cannot be half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.of.lock();
        match counts.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = counts.remove(&self.network),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn a_site_is_one_however_many_addresses_it_has() {
        for (one, other, is_same) in [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ] {
            assert_eq!(network(one) == network(other), is_same, "{one} {other}");
        }
    }

    #[test]
    fn each_has_its_share_and_who_gives_all_back_is_forgotten() {
        let shares = Arc::new(Shares::default());
        let [one, other] = [network("192.0.2.7"), network("192.0.2.8")];
        let (first, second) = (shares.enter(one, 2), shares.enter(one, 2));
        assert!(first.is_some() && second.is_some() && shares.enter(one, 2).is_none());
        let others = shares.enter(other, 2);
        drop(first);
        let third = shares.enter(one, 2);
        assert!(third.is_some() && shares.enter(one, 2).is_none());
        drop((second, third, others));
        assert!(shares.lock().is_empty());
    }
}
