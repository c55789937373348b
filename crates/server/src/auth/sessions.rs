//! Who is logged in: in memory alone, bounded in number, each ended by silence or by age. The table holds hashes, so that
//! whoever sees it has no session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Nanos;
use prometheus_client::metrics::gauge::Gauge;
use sha2::{Digest, Sha256};

use super::person::Person;
use crate::limits::Meter;

const SESSIONS_MAX: usize = 4096;
/// Of one person; the one that was silent for longest goes.
const OF_PERSON_MAX: usize = 16;
const SECRET_BYTES: usize = 32;

#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionTimes {
    /// Without a request.
    pub idle: Duration,
    pub lifetime: Duration,
}

#[derive(Debug)]
pub(crate) struct Sessions {
    times: SessionTimes,
    table: Mutex<HashMap<[u8; 32], Session>>,
    pub(super) open: Gauge,
}

#[derive(Debug)]
struct Session {
    found: Found,
    began: Instant,
    used: Instant,
}

/// What a session says of whoever has it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub person: Arc<Person>,
    /// One for all sessions of a person.
    pub meter: Arc<Meter>,
    pub expires: Nanos,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSession {
    #[error("{SESSIONS_MAX} sessions are open, which is as many as may be")]
    Full,
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

impl Sessions {
    pub(crate) fn new(times: SessionTimes) -> Self {
        Self { times, table: Mutex::default(), open: Gauge::default() }
    }

    /// The text for the person's cookie, which stands nowhere else.
    pub(crate) fn begin(&self, person: Person, wall: Nanos) -> Result<String, NoSession> {
        self.begin_at(person, wall, Instant::now())
    }

    pub(crate) fn find(&self, token: &str) -> Option<Found> {
        self.find_at(token, Instant::now())
    }

    pub(crate) fn end(&self, token: &str) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.remove(&digest(token));
        self.open.set(table.len() as i64);
    }

    /// Forgets those that are over.
    pub(crate) fn sweep(&self) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        self.sweep_at(&mut table, Instant::now());
    }

    fn begin_at(&self, person: Person, wall: Nanos, now: Instant) -> Result<String, NoSession> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(NoSession::Random)?;
        let token = URL_SAFE_NO_PAD.encode(secret);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        self.sweep_at(&mut table, now);
        let own = table.iter().filter(|(_, one)| one.found.person.is_same_as(&person));
        let meter = own.clone().next().map(|(_, one)| Arc::clone(&one.found.meter)).unwrap_or_default();
        if own.clone().count() >= OF_PERSON_MAX {
            let stalest = own.min_by_key(|(_, one)| one.used).map(|(digest, _)| *digest);
            stalest.map(|digest| table.remove(&digest));
        }
        if table.len() >= SESSIONS_MAX {
            return Err(NoSession::Full);
        }
        let lifetime_ns = u64::try_from(self.times.lifetime.as_nanos()).unwrap_or(u64::MAX);
        let expires = Nanos(wall.0.saturating_add(lifetime_ns));
        let found = Found { person: Arc::new(person), meter, expires };
        table.insert(digest(&token), Session { found, began: now, used: now });
        self.open.set(table.len() as i64);
        Ok(token)
    }

    fn find_at(&self, token: &str, now: Instant) -> Option<Found> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let session = table.get_mut(&digest(token)).filter(|one| !self.is_over(one, now))?;
        session.used = now;
        Some(session.found.clone())
    }

    fn sweep_at(&self, table: &mut HashMap<[u8; 32], Session>, now: Instant) {
        table.retain(|_, one| !self.is_over(one, now));
        self.open.set(table.len() as i64);
    }

    fn is_over(&self, session: &Session, now: Instant) -> bool {
        now.duration_since(session.used) >= self.times.idle
            || now.duration_since(session.began) >= self.times.lifetime
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use api::Role;
    use oidc::Identity;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn sessions() -> Sessions {
        Sessions::new(SessionTimes { idle: 10 * MINUTE, lifetime: 60 * MINUTE })
    }

    fn person(subject: usize) -> Person {
        let identity = Identity { subject: subject.to_string(), shown: None, values: Vec::new() };
        Person::new("https://id", identity, Role::Viewer)
    }

    #[test]
    fn silence_and_age_end_a_session() {
        let (sessions, began) = (sessions(), Instant::now());
        let token = sessions.begin_at(person(1), Nanos(5), began).unwrap();
        let is_there = |after: Duration| sessions.find_at(&token, began + after).is_some();
        assert!(is_there(9 * MINUTE) && is_there(18 * MINUTE));
        assert!(!is_there(28 * MINUTE));

        let token = sessions.begin_at(person(1), Nanos(5), began).unwrap();
        let expires = sessions.find_at(&token, began).unwrap().expires;
        assert_eq!(expires, Nanos(5 + 3600 * 1_000_000_000));
        let is_there = |after: u32| sessions.find_at(&token, began + after * MINUTE).is_some();
        assert!((1..12).all(|fives| is_there(5 * fives)) && !is_there(60));
    }

    #[test]
    fn nobody_guesses_a_session_and_its_end_is_at_once() {
        let sessions = sessions();
        let token = sessions.begin(person(1), Nanos(0)).unwrap();
        assert!(token.len() == 43 && sessions.find(&token).is_some());
        assert!(sessions.find("").is_none() && sessions.find(&token[1..]).is_none());
        assert!(!format!("{sessions:?}").contains(&token));
        sessions.end(&token);
        assert!(sessions.find(&token).is_none());
        assert_eq!(sessions.open.get(), 0);
    }

    #[test]
    fn a_person_has_few_and_all_together_a_bounded_number() {
        let (sessions, now) = (sessions(), Instant::now());
        let later = |seconds: usize| now + Duration::from_secs(seconds as u64);
        let own: Vec<_> =
            (0..20).map(|at| sessions.begin_at(person(0), Nanos(0), later(at)).unwrap()).collect();
        let alive = own.iter().map(|token| sessions.find_at(token, later(20)).is_some());
        assert_eq!(alive.collect::<Vec<_>>(), [[false; 4].as_slice(), &[true; 16]].concat());
        let meters: Vec<_> = own[4..].iter().map(|token| sessions.find(token).unwrap().meter).collect();
        assert!(meters.windows(2).all(|pair| Arc::ptr_eq(&pair[0], &pair[1])));

        for at in 1..=SESSIONS_MAX - 16 {
            sessions.begin_at(person(at), Nanos(0), later(20)).unwrap();
        }
        let one_more = |at| sessions.begin_at(person(SESSIONS_MAX), Nanos(0), later(at));
        assert!(matches!(one_more(20), Err(NoSession::Full)));
        assert!(sessions.find(&own[19]).is_some());
        assert!(one_more(20 + 600).is_ok());
        sessions.table.lock().unwrap().values_mut().for_each(|one| one.used = now);
        sessions.sweep_at(&mut sessions.table.lock().unwrap(), now + 11 * MINUTE);
        assert_eq!(sessions.open.get(), 0);
    }
}
