//! Who may come in, and how much of each thing its holder may use. It must never hold or show a key itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use runtime::{Drain, DrainHandle};
use tokio::time::Instant;

use crate::config::{ApiKey, KeyHash, KeyLimits};

/// Every key of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: Vec<Known>,
}

/// Any of the hashes is the key.
#[derive(Debug)]
struct Known {
    hashes: Vec<KeyHash>,
    holder: Arc<Holder>,
}

/// Whoever shows a key, and what it uses now.
#[derive(Debug)]
pub(crate) struct Holder {
    name: Arc<str>,
    limits: RwLock<KeyLimits>,
    /// Starts when the key is removed, or with the last who knows of it.
    revoked: Drain,
    connections: AtomicU64,
    subscriptions: AtomicU64,
    rates: Mutex<Rates>,
}

/// One of something that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    holder: Arc<Holder>,
    what: Counted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Connection,
    Subscription,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spent {
    Ok,
    Requests { retry_after_s: u64 },
    Bytes { retry_after_s: u64 },
}

/// What is left of a second's worth, which is also all that is saved up.
#[derive(Debug)]
struct Rates {
    requests: f64,
    bytes: f64,
    at: Instant,
}

impl Keys {
    /// What a holder has used up goes on counting under its new limits. Who comes with a key that is no longer there is
    /// refused, and who came with it before is told to leave.
    pub(crate) fn reloaded(&self, keys: &[ApiKey]) -> Self {
        for gone in self.known.iter().filter(|known| !keys.iter().any(|key| key.name == known.holder.name)) {
            gone.holder.revoked.start();
        }
        let known = keys.iter().map(|key| {
            let same = self.known.iter().find(|known| known.holder.name == key.name);
            let holder = same.map_or_else(|| Arc::new(Holder::new(key)), |known| Arc::clone(&known.holder));
            *holder.limits.write().unwrap_or_else(PoisonError::into_inner) = key.limits;
            Known { hashes: key.hashes.clone(), holder }
        });
        Self { known: known.collect() }
    }

    /// `Ok(None)` where no keys are asked for. All are compared, so the time says nothing of any.
    pub(crate) fn holder(&self, headers: &HeaderMap) -> Result<Option<Arc<Holder>>, ()> {
        if self.known.is_empty() {
            return Ok(None);
        }
        let shown = KeyHash::of(shown(headers).ok_or(())?);
        let mut found = None;
        for known in &self.known {
            for hash in &known.hashes {
                if *hash == shown {
                    found = Some(Arc::clone(&known.holder));
                }
            }
        }
        found.map(Some).ok_or(())
    }
}

impl Holder {
    fn new(key: &ApiKey) -> Self {
        let KeyLimits { requests_per_second, bytes_per_second, .. } = key.limits;
        let rates = Rates {
            requests: requests_per_second as f64,
            bytes: bytes_per_second as f64,
            at: Instant::now(),
        };
        let (revoked, _) = Drain::new();
        Self {
            name: Arc::clone(&key.name),
            limits: RwLock::new(key.limits),
            revoked,
            connections: AtomicU64::new(0),
            subscriptions: AtomicU64::new(0),
            rates: Mutex::new(rates),
        }
    }

    fn limits(&self) -> KeyLimits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn revoked(&self) -> DrainHandle {
        self.revoked.handle()
    }

    /// A place, if there is one left.
    pub(crate) fn enter(self: &Arc<Self>, what: Counted) -> Option<Place> {
        let (count, max) = match what {
            Counted::Connection => (&self.connections, self.limits().connections_max),
            Counted::Subscription => (&self.subscriptions, self.limits().subscriptions_max),
        };
        let taken = count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| (count < max).then_some(count + 1));
        taken.ok().map(|_| Place { holder: Arc::clone(self), what })
    }

    pub(crate) fn spend(&self, now: Instant, requests: u64, bytes: u64) -> Spent {
        let KeyLimits { requests_per_second, bytes_per_second, .. } = self.limits();
        let (per_second, bytes_per_second) = (requests_per_second as f64, bytes_per_second as f64);
        // Numbers cannot be half written.
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(rates.at).as_secs_f64();
        rates.at = now;
        rates.requests = (rates.requests + elapsed * per_second).min(per_second);
        rates.bytes = (rates.bytes + elapsed * bytes_per_second).min(bytes_per_second);
        // What is larger than a second's worth goes through when a whole second was saved, and is paid for afterwards.
        if rates.requests < (requests as f64).min(per_second) {
            return Spent::Requests { retry_after_s: 1 };
        }
        if rates.bytes < (bytes as f64).min(bytes_per_second) {
            return Spent::Bytes { retry_after_s: 1 };
        }
        rates.requests -= requests as f64;
        rates.bytes -= bytes as f64;
        Spent::Ok
    }
}

/// A subscription or a filter of whoever shows a key; without keys it counts for nobody. The words are for the client.
pub(crate) fn subscribed(holder: Option<&Arc<Holder>>) -> Result<Option<Place>, &'static str> {
    let Some(holder) = holder else { return Ok(None) };
    holder.enter(Counted::Subscription).map(Some).ok_or("this key has as many subscriptions as it may have")
}

impl Drop for Place {
    fn drop(&mut self) {
        let count = match self.what {
            Counted::Connection => &self.holder.connections,
            Counted::Subscription => &self.holder.subscriptions,
        };
        count.fetch_sub(1, Ordering::AcqRel);
    }
}

/// `Authorization: Bearer KEY` or `X-Api-Key: KEY`.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(key.trim_ascii())
    });
    bearer.or_else(|| headers.get("x-api-key").map(|value| value.as_bytes().trim_ascii()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn keys() -> Keys {
        let limits = KeyLimits {
            connections_max: 2,
            subscriptions_max: 1,
            requests_per_second: 10,
            bytes_per_second: 1_000,
        };
        let key = |name: &str, texts: &[&str]| ApiKey {
            name: Arc::from(name),
            hashes: texts.iter().map(|text| KeyHash::of(text.as_bytes())).collect(),
            limits,
        };
        Keys::default().reloaded(&[key("one", &["old", "new"]), key("two", &["other"])])
    }

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(name), http::HeaderValue::from_static(value))])
    }

    #[test]
    fn a_key_is_shown_in_one_of_two_ways_and_has_one_holder() {
        let holder =
            |name, value| keys().holder(&headers(name, value)).map(|holder| holder.unwrap().name.to_string());
        assert_eq!(holder("authorization", "Bearer old"), Ok("one".to_owned()));
        assert_eq!(holder("authorization", "bearer new"), Ok("one".to_owned()));
        assert_eq!(holder("x-api-key", "other"), Ok("two".to_owned()));
        for (name, value) in
            [("x-api-key", "others"), ("authorization", "Basic old"), ("authorization", ""), ("host", "old")]
        {
            assert_eq!(holder(name, value), Err(()), "{name}: {value}");
        }
        assert!(Keys::default().holder(&HeaderMap::new()).is_ok_and(|holder| holder.is_none()));
    }

    #[test]
    fn places_are_given_back() {
        let holder = keys().holder(&headers("x-api-key", "old")).unwrap().unwrap();
        let first = holder.enter(Counted::Connection);
        let _second = holder.enter(Counted::Connection).unwrap();
        assert!(holder.enter(Counted::Connection).is_none());
        assert!(holder.enter(Counted::Subscription).is_some());
        drop(first);
        assert!(holder.enter(Counted::Connection).is_some());
    }

    #[test]
    fn new_keys_count_at_once_and_what_was_used_up_stays_used_up() {
        let before = keys();
        let one = before.holder(&headers("x-api-key", "old")).unwrap().unwrap();
        let two = before.holder(&headers("x-api-key", "other")).unwrap().unwrap();
        let _taken = one.enter(Counted::Connection).unwrap();
        let limits = KeyLimits { connections_max: 1, ..one.limits() };
        let key = ApiKey { name: Arc::from("one"), hashes: vec![KeyHash::of(b"new")], limits };
        let after = before.reloaded(&[key]);
        assert!(after.holder(&headers("x-api-key", "old")).is_err(), "its hash is gone");
        let again = after.holder(&headers("x-api-key", "new")).unwrap().unwrap();
        assert!(again.enter(Counted::Connection).is_none(), "the one place is taken");
        assert!(!one.revoked().is_started() && two.revoked().is_started());
    }

    #[test]
    fn a_rate_is_kept_over_time_and_what_is_too_large_still_goes_through_alone() {
        let holder = keys().holder(&headers("x-api-key", "old")).unwrap().unwrap();
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        assert_eq!(holder.spend(at(0), 10, 10), Spent::Ok);
        assert_eq!(holder.spend(at(50), 1, 10), Spent::Requests { retry_after_s: 1 });
        assert_eq!(holder.spend(at(100), 1, 10), Spent::Ok);
        assert_eq!(holder.spend(at(2_000), 1, 5_000), Spent::Ok);
        assert_eq!(holder.spend(at(3_000), 1, 10), Spent::Bytes { retry_after_s: 1 });
        assert_eq!(holder.spend(at(6_100), 1, 10), Spent::Ok);
        // However long nothing was asked, no more than a second's worth was saved.
        assert_eq!(holder.spend(at(60_000), 10, 10), Spent::Ok);
        assert_eq!(holder.spend(at(60_000), 1, 10), Spent::Requests { retry_after_s: 1 });
        assert_eq!(holder.spend(at(90_000), 1, 1_000), Spent::Ok);
        assert_eq!(holder.spend(at(90_000), 1, 10), Spent::Bytes { retry_after_s: 1 });
    }
}
