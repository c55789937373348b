//! How many connections one address has: no more than its part, whoever it is, so that nobody takes all the places of a
//! listener. The table holds open connections only, so it is bounded as they are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::subscriber;

#[derive(Debug, Default)]
pub(super) struct AddressPlaces {
    max: usize,
    open: Mutex<HashMap<(bool, u64), usize>>,
}

/// Held while a connection is open.
#[derive(Debug)]
pub(super) struct AddressPlace {
    places: Arc<AddressPlaces>,
    of: (bool, u64),
}

impl AddressPlaces {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, open: Mutex::default() })
    }

    /// `None` where the address has its part already.
    pub(super) fn take(this: &Arc<Self>, address: IpAddr) -> Option<AddressPlace> {
        let of = subscriber(address);
        let mut open = this.open.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = open.entry(of).or_default();
        if *taken >= this.max {
            return None;
        }
        *taken += 1;
        Some(AddressPlace { places: Arc::clone(this), of })
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut open = self.places.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = open.get_mut(&self.of) {
            *taken -= 1;
            if *taken == 0 {
                open.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_part_and_gets_it_back() {
        let places = AddressPlaces::new(2);
        let take = |text: &str| AddressPlaces::take(&places, text.parse().unwrap());
        let (first, second) = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some() && take("192.0.2.1").is_none());
        let network = (take("2001:db8::1"), take("2001:db8::2:3"));
        assert!(network.0.is_some() && network.1.is_some() && take("2001:db8::4").is_none());
        assert!(take("2001:db8:0:1::4").is_some());
        drop(first);
        assert!(take("192.0.2.1").is_some());
        drop((second, network));
        assert!(places.open.lock().unwrap().is_empty());
    }
}
