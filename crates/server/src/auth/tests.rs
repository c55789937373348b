//! Every reason to refuse, and every way to be let in.

use http::HeaderName;

use super::*;

const HOME: &str = "127.0.0.1";
const AWAY: &str = "192.0.2.1";

fn peer(address: &str) -> Peer {
    Peer::new(SocketAddr::new(address.parse().unwrap(), 1))
}

fn with(values: &[&str]) -> HeaderMap {
    let name: HeaderName = AUTHORIZATION;
    values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
}

fn keys(entries: &str) -> Auth {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.toml");
    std::fs::write(&path, entries).unwrap();
    Auth { keys: Some(KeySource::open(path.to_str().unwrap()).unwrap()), people: None }
}

impl Auth {
    fn ask(&self, access: Access, headers: &HeaderMap, peer: Peer) -> Result<Option<Caller>, Denied> {
        self.admit(access, Asked { door: Door::Api, method: &Method::POST, headers, peer })
    }
}

#[test]
fn without_keys_this_machine_may_everything_and_others_nothing() {
    let auth = Auth::default();
    let admit = |address| auth.ask(Access::Needs(Scope::Admin), &HeaderMap::new(), peer(address));
    assert_eq!(admit(HOME).unwrap().unwrap().kind, CallerKind::Local);
    assert!(admit("::1").is_ok() && admit("::ffff:127.0.0.1").is_ok());
    assert_eq!(admit(AWAY).unwrap_err().why, Denial::NotLocal);
    assert_eq!(auth.ask(Access::AnyKey, &HeaderMap::new(), Peer::NOBODY).unwrap_err().why, Denial::NotLocal);
}

#[test]
fn with_keys_a_request_needs_a_known_key_in_force_whose_scope_covers_the_endpoint() {
    let make = |scope| NewKey::generate(scope).unwrap();
    let (write, late, near) = (make(Scope::Write), make(Scope::Write), make(Scope::Read));
    let text = write.file_entry("collector", Some("2500-01-01T00:00:00Z"))
        + &late.file_entry("late", Some("2020-01-01T00:00:00Z"))
        + &near.file_entry("near", None)
        + "networks = [\"10.0.0.0/8\"]\n";
    let auth = keys(&text);
    let needs = |scope: Scope, header: &str| {
        auth.ask(Access::Needs(scope), &with(&[header]), peer(AWAY)).map(|caller| caller.unwrap().name)
    };
    let bearer = |key: &NewKey| format!("Bearer {}", key.reveal());
    assert_eq!(&*needs(Scope::Write, &bearer(&write)).unwrap(), "collector");
    assert_eq!(&*needs(Scope::Write, &format!("bearer  {}", write.reveal())).unwrap(), "collector");
    let missing = Denial::MissingScope { needed: Scope::Read, has: Scope::Write };
    assert_eq!(needs(Scope::Read, &bearer(&write)).unwrap_err(), missing.of(&"collector".into()));
    assert_eq!(needs(Scope::Write, &bearer(&late)).unwrap_err().why, Denial::Expired);
    assert_eq!(needs(Scope::Read, &bearer(&near)).unwrap_err().why, Denial::WrongNetwork);
    assert_eq!(needs(Scope::Read, &bearer(&make(Scope::Read))).unwrap_err().why, Denial::UnknownKey);
    for odd in ["Bearer", "Basic dTpw", write.reveal(), "Bearer "] {
        assert!(needs(Scope::Write, odd).is_err(), "{odd}");
    }
    let twice = with(&[&bearer(&write), &bearer(&write)]);
    assert_eq!(auth.ask(Access::Needs(Scope::Write), &twice, peer(AWAY)).unwrap_err().why, Denial::NoKey);
}

#[test]
fn with_keys_this_machine_needs_one_too_but_for_health_and_metrics() {
    let key = NewKey::generate(Scope::Write).unwrap();
    let auth = keys(&key.file_entry("collector", None));
    let admit = |access, address| auth.ask(access, &HeaderMap::new(), peer(address));
    assert_eq!(admit(Access::Needs(Scope::Read), HOME).unwrap_err().why, Denial::NoKey);
    assert_eq!(admit(Access::AnyKey, HOME).unwrap_err().why, Denial::NoKey);
    assert!(admit(Access::LocalOr(Scope::Read), HOME).is_ok());
    assert_eq!(admit(Access::LocalOr(Scope::Read), AWAY).unwrap_err().why, Denial::NoKey);
    assert!(admit(Access::Open, AWAY).unwrap().is_none());
    assert!(admit(Access::Login, AWAY).unwrap().is_none());
}
