//! Who was refused, in summary: counted by the minute, so that whoever is refused a million times makes a few entries of
//! the audit and no more. It must never hold what a refused caller sent.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use model::{DeniedRequests, Nanos, Str};

/// How many rows of a minute name a network or a caller; everybody else shares one for each listener and reason.
const NAMED_PER_MINUTE_MAX: usize = 16;
/// After so many rows in a day, one an hour is made for each listener and reason, without networks and callers. A year of
/// attacks on every day stays below half a gigabyte.
const ROWS_PER_DAY_MAX: usize = 2_000;
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;

#[derive(Debug, Default)]
pub(crate) struct Denials {
    counts: Mutex<Counts>,
}

/// Listeners and reasons come from fixed lists, so both tables are bounded.
#[derive(Debug, Default)]
struct Counts {
    named: BTreeMap<Named, Count>,
    others: BTreeMap<(&'static str, &'static str), Count>,
    day: u64,
    rows_today: usize,
    taken_at: Nanos,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    listener: &'static str,
    reason: &'static str,
    from: (IpAddr, u8),
    actor: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    first: Nanos,
    last: Nanos,
    requests: u64,
}

/// One refused request.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub listener: &'static str,
    pub reason: &'static str,
    pub address: IpAddr,
    /// Whose key it was, where it is known.
    pub actor: Option<Arc<str>>,
}

impl Denials {
    pub(crate) fn note(&self, refused: Refused, now: Nanos) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.note(refused, now);
    }

    /// What has been counted since it was last asked; nothing where it has to wait for more.
    pub(crate) fn take(&self, now: Nanos) -> Vec<DeniedRequests> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }

    /// The same at the end, when nothing can wait.
    pub(crate) fn take_last(&self) -> Vec<DeniedRequests> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).rows()
    }
}

impl Counts {
    fn note(&mut self, refused: Refused, now: Nanos) {
        let Refused { listener, reason, address, actor } = refused;
        let named = Named { listener, reason, from: network(address), actor };
        let fresh = Count { first: now, last: now, requests: 0 };
        let full = self.named.len() >= NAMED_PER_MINUTE_MAX || self.is_spent();
        let count = match full && !self.named.contains_key(&named) {
            true => self.others.entry((listener, reason)).or_insert(fresh),
            false => self.named.entry(named).or_insert(fresh),
        };
        count.last = now;
        count.requests = count.requests.saturating_add(1);
    }

    fn is_spent(&self) -> bool {
        self.rows_today >= ROWS_PER_DAY_MAX
    }

    fn take(&mut self, now: Nanos) -> Vec<DeniedRequests> {
        if now.as_secs() / DAY_S != self.day {
            (self.day, self.rows_today) = (now.as_secs() / DAY_S, 0);
        }
        if self.is_spent() && now.as_secs() / HOUR_S == self.taken_at.as_secs() / HOUR_S {
            return Vec::new();
        }
        self.taken_at = now;
        let rows = self.rows();
        self.rows_today += rows.len();
        rows
    }

    fn rows(&mut self) -> Vec<DeniedRequests> {
        let named = std::mem::take(&mut self.named).into_iter().map(|(named, count)| {
            let (address, bits) = named.from;
            let from = Some(format!("{address}/{bits}").into());
            row(named.listener, named.reason, from, named.actor.map(|actor| Str::from(&*actor)), count)
        });
        let others = std::mem::take(&mut self.others)
            .into_iter()
            .map(|((listener, reason), count)| row(listener, reason, None, None, count));
        named.chain(others).collect()
    }
}

fn row(listener: &str, reason: &str, from: Option<Str>, actor: Option<Str>, count: Count) -> DeniedRequests {
    let Count { first, last, requests } = count;
    DeniedRequests {
        at: last,
        first,
        listener: listener.into(),
        reason: reason.into(),
        from,
        actor,
        requests,
    }
}

/// The address of one client: all of IPv4, and of IPv6 the part that one subscriber has.
fn network(address: IpAddr) -> (IpAddr, u8) {
    match address.to_canonical() {
        IpAddr::V4(address) => (IpAddr::V4(address), 32),
        IpAddr::V6(address) => (IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)), 64),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const MINUTE_S: u64 = 60;

    fn refused(address: u32, actor: Option<&str>) -> Refused {
        let address = IpAddr::V4(Ipv4Addr::from_bits(address));
        Refused { listener: "api", reason: "unknown_key", address, actor: actor.map(Arc::from) }
    }

    #[test]
    fn a_minute_of_one_client_is_one_row() {
        let denials = Denials::default();
        for second in 5..9 {
            denials.note(refused(0x0a00_0001, Some("collector")), Nanos::from_secs(second));
        }
        let rows = denials.take(Nanos::from_secs(60));
        let expected = DeniedRequests {
            at: Nanos::from_secs(8),
            first: Nanos::from_secs(5),
            listener: "api".into(),
            reason: "unknown_key".into(),
            from: Some("10.0.0.1/32".into()),
            actor: Some("collector".into()),
            requests: 4,
        };
        assert_eq!(rows, [expected]);
        assert!(denials.take(Nanos::from_secs(120)).is_empty());
        assert_eq!(network("2001:db8:1:2:3:4:5:6".parse().unwrap()), ("2001:db8:1:2::".parse().unwrap(), 64));
    }

    #[test]
    fn a_million_strangers_are_few_rows_and_every_one_of_them_is_counted() {
        let denials = Denials::default();
        (0..1_000_000).for_each(|address| denials.note(refused(address, None), Nanos::from_secs(1)));
        let rows = denials.take(Nanos::from_secs(60));
        assert_eq!(rows.len(), NAMED_PER_MINUTE_MAX + 1);
        assert_eq!(rows.iter().map(|row| row.requests).sum::<u64>(), 1_000_000);
        assert_eq!(rows.iter().filter(|row| row.from.is_none()).count(), 1);
    }

    #[test]
    fn a_day_of_attacks_is_bounded_and_the_next_day_names_them_again() {
        let denials = Denials::default();
        let (mut rows, mut noted) = (Vec::new(), 0);
        for minute in 0..24 * 60 {
            for address in 0..40 {
                noted += 1;
                denials
                    .note(refused(minute as u32 * 40 + address, None), Nanos::from_secs(minute * MINUTE_S));
            }
            rows.extend(denials.take(Nanos::from_secs(minute * MINUTE_S + 59)));
        }
        assert!((ROWS_PER_DAY_MAX..ROWS_PER_DAY_MAX + 60).contains(&rows.len()), "{}", rows.len());
        rows.extend(denials.take(Nanos::from_secs(DAY_S)));
        assert_eq!(rows.iter().map(|row| row.requests).sum::<u64>(), noted);
        denials.note(refused(1, None), Nanos::from_secs(DAY_S + 1));
        assert!(denials.take(Nanos::from_secs(DAY_S + 60))[0].from.is_some());
    }
}
