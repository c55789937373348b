//! Where a service finds the services that it calls: their ports, taken in turn.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::protocol::Role;

#[derive(Debug)]
pub(crate) struct Upstreams(Mutex<BTreeMap<Role, Turn>>);

#[derive(Debug)]
struct Turn {
    ports: Vec<u16>,
    next: usize,
}

impl Upstreams {
    pub(super) fn new(ports: &BTreeMap<Role, Vec<u16>>) -> Self {
        let turns = ports.iter().map(|(&role, ports)| (role, Turn { ports: ports.clone(), next: 0 }));
        Self(Mutex::new(turns.collect()))
    }

    pub(super) fn set(&self, role: Role, ports: Vec<u16>) {
        self.lock().insert(role, Turn { ports, next: 0 });
    }

    /// The port for the next call, where the role is known.
    pub(super) fn next_port(&self, role: Role) -> Option<u16> {
        let mut turns = self.lock();
        let turn = turns.get_mut(&role)?;
        let port = turn.ports.get(turn.next % turn.ports.len().max(1)).copied();
        turn.next = turn.next.wrapping_add(1);
        port
    }

    /// A handler that panicked elsewhere leaves the map whole.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Role, Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_called_in_turn() {
        let upstreams = Upstreams::new(&BTreeMap::from([(Role::Checkout, vec![1])]));
        assert_eq!(upstreams.next_port(Role::Checkout), Some(1));
        upstreams.set(Role::Checkout, vec![1, 2]);
        let called: Vec<_> = (0..4).filter_map(|_| upstreams.next_port(Role::Checkout)).collect();
        assert_eq!(called, [1, 2, 1, 2]);
    }

    #[test]
    fn who_is_not_known_cannot_be_called() {
        let upstreams = Upstreams::new(&BTreeMap::from([(Role::Store, vec![])]));
        assert_eq!(upstreams.next_port(Role::Store), None);
        assert_eq!(upstreams.next_port(Role::Payment), None);
    }
}
