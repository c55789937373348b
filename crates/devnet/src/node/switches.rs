//! The faults that are set on a node, and what follows from them together. It must never know what carries them out.

use super::fault::{Face, Fault, FaultError, Switch};

/// Faults at one time. One more is refused.
const SWITCHES_MAX: usize = 64;

#[derive(Debug, Clone, Default)]
pub struct Switches {
    set: Vec<Switch>,
}

/// Whether a server of a node takes connections and does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// New connections are refused, and there are no old ones.
    Closed,
    /// New connections hang, old ones work.
    Hanging,
    /// Connections are there, and nothing moves.
    Frozen,
}

impl Switches {
    pub(super) fn set(&mut self, switch: Switch) -> Result<(), FaultError> {
        if self.set.len() >= SWITCHES_MAX {
            return Err(FaultError::TooMany { max: SWITCHES_MAX });
        }
        self.set.push(switch);
        Ok(())
    }

    /// The last one set counts where two of a kind cannot both.
    pub fn all(&self) -> &[Switch] {
        &self.set
    }

    /// `None` clears all.
    pub(super) fn clear(&mut self, name: Option<&str>) {
        self.set.retain(|switch| name.is_some_and(|name| switch.fault.name() != name));
    }

    pub fn gate(&self, face: Face) -> Gate {
        let has = |fault: &Fault| self.has(face, fault);
        match () {
            () if has(&Fault::Kill) || has(&Fault::Stop) => Gate::Closed,
            () if has(&Fault::Freeze) => Gate::Frozen,
            () if has(&Fault::HangDial) => Gate::Hanging,
            () => Gate::Open,
        }
    }

    pub fn has(&self, face: Face, fault: &Fault) -> bool {
        self.set.iter().any(|switch| switch.covers(face) && switch.fault == *fault)
    }

    /// What the last switch that `read` knows something of says.
    pub(super) fn find<T>(&self, face: Face, read: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.set.iter().rev().filter(|switch| switch.covers(face)).find_map(|switch| read(&switch.fault))
    }

    /// The fault of the next request of a method, if there is one; it is one request less for it.
    pub(super) fn take(&mut self, face: Face, method: &str) -> Option<Fault> {
        self.take_where(face, method, |_| true)
    }

    /// The same, of the faults that are meant.
    pub(super) fn take_where(
        &mut self,
        face: Face,
        method: &str,
        meant: impl Fn(&Fault) -> bool,
    ) -> Option<Fault> {
        let is_due = |switch: &Switch| {
            switch.fault.is_per_request() && meant(&switch.fault) && switch.is_for(face, method)
        };
        let at = self.set.iter().rposition(is_due)?;
        let switch = self.set.get_mut(at)?;
        let fault = switch.fault.clone();
        if let Some(left) = &mut switch.requests {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.set.remove(at);
            }
        }
        Some(fault)
    }

    pub(super) fn stalled(&self, face: Face, kind: &str) -> bool {
        self.set.iter().filter(|switch| switch.covers(face)).any(|switch| match &switch.fault {
            Fault::Stall { kind: None } => true,
            Fault::Stall { kind: Some(only) } => only == kind,
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_for_some_requests_of_a_method_wears_off() {
        let mut switches = Switches::default();
        let slow = Fault::Slow { ms: 5 };
        switches.set(Switch::from(slow.clone()).for_methods(&["eth_call"]).for_requests(2)).unwrap();
        assert_eq!(switches.take(Face::Execution, "eth_chainId"), None);
        assert_eq!(switches.take(Face::Execution, "eth_call"), Some(slow.clone()));
        assert_eq!(switches.take(Face::Execution, "eth_call"), Some(slow));
        assert_eq!(switches.take(Face::Execution, "eth_call"), None);
        assert!(switches.all().is_empty());
    }

    #[test]
    fn a_gate_is_as_closed_as_the_worst_fault_of_its_face() {
        let mut switches = Switches::default();
        switches.set(Switch::from(Fault::Freeze).on(Face::Consensus)).unwrap();
        assert_eq!(
            (switches.gate(Face::Execution), switches.gate(Face::Consensus)),
            (Gate::Open, Gate::Frozen)
        );
        switches.set(Fault::Kill.into()).unwrap();
        assert_eq!(
            (switches.gate(Face::Execution), switches.gate(Face::Consensus)),
            (Gate::Closed, Gate::Closed)
        );
        switches.clear(Some("kill"));
        assert_eq!(switches.gate(Face::Consensus), Gate::Frozen);
        switches.clear(None);
        assert_eq!(switches.gate(Face::Consensus), Gate::Open);
    }

    #[test]
    fn there_is_a_bound() {
        let mut switches = Switches::default();
        let refused = (0..=SWITCHES_MAX).find_map(|_| switches.set(Fault::Null.into()).err());
        assert_eq!(refused, Some(FaultError::TooMany { max: SWITCHES_MAX }));
    }
}
