//! Who asks, and whether they may: one answer for HTTP and gRPC, by the table of endpoints. What the table does not
//! name is refused. It must never know what a request is for, and never show a key.

mod demand;
mod keyring;
mod source;
mod token;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use api::{Access, CallerKind, ErrorCode, Scope};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use model::Nanos;

pub(crate) use demand::{Demand, demand};
pub use keyring::check_name as check_key_name;
pub(crate) use keyring::{Entry, Keyring};
pub(crate) use source::KeyMetrics;
pub use source::KeySource;
pub use token::{NewKey, NewKeyError};

use crate::clock;
use crate::http::Failure;
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
}

/// How callers are known.
#[derive(Debug, Clone)]
pub(crate) enum Auth {
    /// Only this machine reaches the listeners, and may do everything.
    LoopbackOnly,
    Keys(Arc<KeySource>),
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
    /// Mistyped, made up, or taken away.
    UnknownKey,
    Expired,
    WrongNetwork,
    MissingScope {
        needed: Scope,
        has: Scope,
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
    pub(crate) fn admit(
        &self,
        access: Access,
        headers: &HeaderMap,
        peer: Peer,
    ) -> Result<Option<Caller>, Denied> {
        let needed = match access {
            Access::Open => return Ok(None),
            Access::LocalOr(_) if peer.address.is_loopback() && !headers.contains_key(AUTHORIZATION) => {
                return Ok(None);
            }
            Access::AnyKey => None,
            Access::Needs(scope) | Access::LocalOr(scope) => Some(scope),
        };
        let caller = self.identify(headers, peer)?;
        match needed {
            Some(needed) if !caller.scope.covers(needed) => {
                Err(Denial::MissingScope { needed, has: caller.scope }.of(&caller.name))
            }
            _ => Ok(Some(caller)),
        }
    }

    fn identify(&self, headers: &HeaderMap, peer: Peer) -> Result<Caller, Denied> {
        let address = peer.address;
        let Self::Keys(keys) = self else {
            if !address.is_loopback() {
                return Err(Denial::NotLocal.of_nobody());
            }
            let (kind, name) = (CallerKind::Local, "local".into());
            let charged = Charged { meter: None, address };
            return Ok(Caller { kind, name, scope: Scope::Admin, address, expires: None, charged });
        };
        let token = bearer(headers).ok_or_else(|| Denial::NoKey.of_nobody())?;
        let keyring = keys.keyring();
        let entry = keyring.by_token(token).ok_or_else(|| Denial::UnknownKey.of_nobody())?;
        if entry.expires.is_some_and(|expires| expires <= clock::now()) {
            return Err(Denial::Expired.of(&entry.name));
        }
        if !entry.allows(address) {
            return Err(Denial::WrongNetwork.of(&entry.name));
        }
        let Entry { name, scope, expires, meter, .. } = entry;
        let (name, charged) = (Arc::clone(name), Charged { meter: Some(Arc::clone(meter)), address });
        Ok(Caller { kind: CallerKind::Key, name, scope: *scope, address, expires: *expires, charged })
    }
}

/// The text behind `Authorization: Bearer`; two of them are none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
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
            Self::NoKey => "no_key",
            Self::UnknownKey => "unknown_key",
            Self::Expired => "expired",
            Self::WrongNetwork => "wrong_network",
            Self::MissingScope { .. } => "missing_scope",
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
            Self::UnknownKey => (ErrorCode::Unauthenticated, "the key is not known here".to_owned()),
            Self::Expired => (ErrorCode::Unauthenticated, "the key has expired".to_owned()),
            Self::WrongNetwork => {
                (ErrorCode::Forbidden, "the key may not be used from this address".to_owned())
            }
            Self::MissingScope { needed, has } => {
                (ErrorCode::Forbidden, format!("this needs a key of scope {needed}; this one has {has}"))
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
            Self::NoKey | Self::NotLocal => "Bearer realm=\"casebook\"",
            Self::UnknownKey | Self::Expired => "Bearer realm=\"casebook\", error=\"invalid_token\"",
            Self::WrongNetwork | Self::MissingScope { .. } => {
                "Bearer realm=\"casebook\", error=\"insufficient_scope\""
            }
        })
    }
}

#[cfg(test)]
mod tests;
