//! Who asks, and whether they may: one answer for HTTP and gRPC, by the table of endpoints. What the table does not
//! name is refused. It must never know what a request is for, and never show a key.

mod attempt;
mod cookies;
mod demand;
mod keyring;
mod people;
mod person;
mod sessions;
mod source;
mod token;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use api::{Access, CallerKind, ErrorCode, Role, Scope};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use model::Nanos;

pub(crate) use attempt::{Begun, WayBack};
pub(crate) use demand::{Demand, demand};
pub use keyring::check_name as check_key_name;
pub(crate) use keyring::{Entry, Keyring};
pub(crate) use people::LoginLabels;
pub use people::People;
pub(crate) use person::{Person, Roles};
pub(crate) use sessions::{NoSession, SessionTimes};
pub(crate) use source::KeyMetrics;
pub use source::KeySource;
pub use token::{NewKey, NewKeyError};

use crate::clock;
use crate::http::{Door, Failure};
use crate::limits::Charged;

/// The other end of a connection. A request that carries none comes from nowhere and is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub address: IpAddr,
}

/// Who asks, once it is known.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub kind: CallerKind,
    pub name: Arc<str>,
    pub scope: Scope,
    pub address: IpAddr,
    pub expires: Option<Nanos>,
    pub charged: Charged,
    pub person: Option<Arc<Person>>,
}

/// How callers are known. With neither, only this machine reaches the listeners, and may do everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Auth {
    pub keys: Option<Arc<KeySource>>,
    pub people: Option<Arc<People>>,
}

/// What is known of a request before anybody knows who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub door: Door,
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    pub peer: Peer,
}

/// A caller that is not let through, and whose key it has, where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied {
    pub why: Denial,
    pub who: Option<Arc<str>>,
}

/// Why a caller is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    NoKey,
    /// The same where people may log in as well.
    NoKeyNoSession,
    /// It ended, or never was.
    NoSession,
    /// By cookie, from a page that may be another site's.
    CrossSite,
    /// Mistyped, made up, or taken away.
    UnknownKey,
    Expired,
    WrongNetwork,
    MissingScope {
        needed: Scope,
        has: Scope,
    },
    MissingRole {
        needed: Scope,
        has: Role,
    },
    /// The server has no keys, and the request does not come from this machine.
    NotLocal,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr) -> Self {
        // An IPv4 address within IPv6 is the same client.
        Self { address: address.ip().to_canonical() }
    }

    pub(crate) const NOBODY: Self = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
}

impl Auth {
    /// The caller of a request that needs `access`. `None` where nobody asks who it is.
    pub(crate) fn admit(&self, access: Access, asked: Asked<'_>) -> Result<Option<Caller>, Denied> {
        let is_bare = !asked.headers.contains_key(AUTHORIZATION);
        let needed = match access {
            Access::Open | Access::Login => return Ok(None),
            Access::LocalOr(_) if asked.peer.address.is_loopback() && is_bare => return Ok(None),
            Access::AnyKey => None,
            Access::Needs(scope) | Access::LocalOr(scope) => Some(scope),
        };
        let caller = match &self.people {
            // Browsers send cookies to every port of a host; only one of them serves people.
            Some(people) if is_bare && asked.door == Door::Api => identify_person(people, asked)?,
            _ => self.identify(asked.headers, asked.peer)?,
        };
        match (needed, &caller.person) {
            (Some(needed), _) if caller.scope.covers(needed) => Ok(Some(caller)),
            (Some(needed), Some(person)) => {
                Err(Denial::MissingRole { needed, has: person.role }.of(&caller.name))
            }
            (Some(needed), None) => Err(Denial::MissingScope { needed, has: caller.scope }.of(&caller.name)),
            (None, _) => Ok(Some(caller)),
        }
    }

    fn identify(&self, headers: &HeaderMap, peer: Peer) -> Result<Caller, Denied> {
        let address = peer.address;
        if self.keys.is_none() && self.people.is_none() {
            if !address.is_loopback() {
                return Err(Denial::NotLocal.of_nobody());
            }
            let (kind, name) = (CallerKind::Local, "local".into());
            let charged = Charged { meter: None, address };
            return Ok(Caller {
                kind,
                name,
                scope: Scope::Admin,
                address,
                expires: None,
                charged,
                person: None,
            });
        }
        let token = bearer(headers).ok_or_else(|| Denial::NoKey.of_nobody())?;
        let keyring = self.keys.as_ref().map(|keys| keys.keyring()).unwrap_or_default();
        let entry = keyring.by_token(token).ok_or_else(|| Denial::UnknownKey.of_nobody())?;
        if entry.expires.is_some_and(|expires| expires <= clock::now()) {
            return Err(Denial::Expired.of(&entry.name));
        }
        if !entry.allows(address) {
            return Err(Denial::WrongNetwork.of(&entry.name));
        }
        let Entry { name, scope, expires, meter, .. } = entry;
        let (name, charged) = (Arc::clone(name), Charged { meter: Some(Arc::clone(meter)), address });
        let (kind, scope, expires) = (CallerKind::Key, *scope, *expires);
        Ok(Caller { kind, name, scope, address, expires, charged, person: None })
    }
}

fn identify_person(people: &People, asked: Asked<'_>) -> Result<Caller, Denied> {
    let Asked { method, headers, peer: Peer { address }, .. } = asked;
    let found = match people.session(headers) {
        None => return Err(Denial::NoKeyNoSession.of_nobody()),
        Some(None) => return Err(Denial::NoSession.of_nobody()),
        Some(Some(found)) => found,
    };
    let person = found.person;
    if people.is_foreign(method, headers) {
        return Err(Denial::CrossSite.of(&person.name));
    }
    Ok(Caller {
        kind: CallerKind::Person,
        name: Arc::clone(&person.name),
        scope: person.role.scope(),
        address,
        expires: Some(found.expires),
        charged: Charged { meter: Some(found.meter), address },
        person: Some(person),
    })
}

/// The lowest role that may do what needs the scope.
fn role_for(needed: Scope) -> Role {
    let fits = |role: &Role| role.scope().covers(needed);
    Role::ALL.into_iter().find(fits).unwrap_or(Role::Admin)
}

/// The text behind `Authorization: Bearer`; two of them are none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Denied {
    /// Nobody was told apart; a login may change that.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.why, Denial::NoKeyNoSession | Denial::NoSession)
    }
}

impl Denial {
    fn of(self, name: &Arc<str>) -> Denied {
        Denied { why: self, who: Some(Arc::clone(name)) }
    }

    const fn of_nobody(self) -> Denied {
        Denied { why: self, who: None }
    }

    /// For metrics and the audit.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoKey | Self::NoKeyNoSession => "no_key",
            Self::NoSession => "no_session",
            Self::CrossSite => "cross_site",
            Self::UnknownKey => "unknown_key",
            Self::Expired => "expired",
            Self::WrongNetwork => "wrong_network",
            Self::MissingScope { .. } => "missing_scope",
            Self::MissingRole { .. } => "missing_role",
            Self::NotLocal => "not_local",
        }
    }

    /// Whoever knows a key learns what is wrong with it; nobody else learns anything.
    pub(crate) fn failure(self) -> Failure {
        let (code, detail) = match self {
            Self::NoKey => (
                ErrorCode::Unauthenticated,
                "the request has no key; send `Authorization: Bearer KEY`".to_owned(),
            ),
            Self::NoKeyNoSession => (
                ErrorCode::Unauthenticated,
                "the request has no key and no session; send `Authorization: Bearer KEY`, or log in at /login"
                    .to_owned(),
            ),
            Self::NoSession => {
                (ErrorCode::Unauthenticated, "the session is over; log in again at /login".to_owned())
            }
            Self::CrossSite => (
                ErrorCode::Forbidden,
                "the request may come from another site's page; a session counts for pages of this server \
                 (Sec-Fetch-Site: same-origin, or Origin: the --public-url)"
                    .to_owned(),
            ),
            Self::UnknownKey => (ErrorCode::Unauthenticated, "the key is not known here".to_owned()),
            Self::Expired => (ErrorCode::Unauthenticated, "the key has expired".to_owned()),
            Self::WrongNetwork => {
                (ErrorCode::Forbidden, "the key may not be used from this address".to_owned())
            }
            Self::MissingScope { needed, has } => {
                (ErrorCode::Forbidden, format!("this needs a key of scope {needed}; this one has {has}"))
            }
            Self::MissingRole { needed, has } => {
                let detail = format!("this needs the role {}; yours is {has}", role_for(needed));
                (ErrorCode::Forbidden, detail)
            }
            Self::NotLocal => {
                (ErrorCode::Forbidden, "the server has no keys and serves its own machine only".to_owned())
            }
        };
        Failure::new(code, detail)
    }

    /// `WWW-Authenticate`, as RFC 6750 has it.
    pub(crate) fn challenge(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::NoKey | Self::NoKeyNoSession | Self::NotLocal => "Bearer realm=\"casebook\"",
            Self::UnknownKey | Self::NoSession | Self::Expired => {
                "Bearer realm=\"casebook\", error=\"invalid_token\""
            }
            Self::WrongNetwork | Self::CrossSite | Self::MissingScope { .. } | Self::MissingRole { .. } => {
                "Bearer realm=\"casebook\", error=\"insufficient_scope\""
            }
        })
    }
}

#[cfg(test)]
mod tests;
