//! The OpenID issuer that people log in at, and which of its groups have which role.

use std::path::Path;
use std::sync::Arc;

use api::Role;
use oidc::{Address, ClaimName, ClientSecret, Issuer, Provider};
use runtime::config::{Meaning, value};

use super::duration_within;
use crate::auth::{People, Roles, SessionTimes};

const ISSUER_BYTES_MAX: usize = 200;
const SECRET_BYTES_MAX: u64 = 4096;
const MONTH_MS: u64 = 30 * 86_400_000;
const ROLE_SETTINGS: [(&str, Role); 3] =
    [("oidc-viewers", Role::Viewer), ("oidc-responders", Role::Responder), ("oidc-admins", Role::Admin)];

/// Whether people can be known, as far as an issuer was named.
pub(super) enum Known {
    No,
    /// One was named, and what is wrong is on the list.
    Broken,
    Yes(Arc<People>),
}

impl Known {
    pub(super) fn people(self) -> Option<Arc<People>> {
        match self {
            Self::Yes(people) => Some(people),
            Self::No | Self::Broken => None,
        }
    }
}

/// Reads all of them, and says all that is wrong.
pub(super) fn read(meaning: &mut Meaning) -> Known {
    let mut is_named = false;
    let issuer = meaning.get("oidc-issuer", |text| {
        is_named = true;
        issuer(text)
    });
    let mut rest = Rest { meaning, is_named, is_whole: true };
    let client_id = rest.needed("oidc-client-id", not_empty);
    let public = rest.needed("public-url", oidc::origin);
    let client_secret = rest.optional("oidc-client-secret-file", secret);
    let claim = rest.always("oidc-claim", ClaimName::parse);
    let scopes = rest.always("oidc-scopes", scopes);
    let idle = rest.always("session-idle", duration_within(1000, MONTH_MS, "1s to 30d"));
    let lifetime = rest.always("session-lifetime", duration_within(1000, MONTH_MS, "1s to 30d"));
    let roles = rest.roles();
    if !is_named {
        return Known::No;
    }
    let is_whole = rest.is_whole;
    let built = (|| {
        let (issuer, public) = (issuer?, public?);
        let redirect = format!("{public}/login/callback");
        let (client_id, scopes, claim) = (client_id?, scopes?, claim?);
        let provider = Provider { issuer, client_id, client_secret, redirect, scopes, claim };
        Some((provider, public, SessionTimes { idle: idle?, lifetime: lifetime? }))
    })();
    let Some((provider, public, times)) = built.filter(|_| is_whole) else { return Known::Broken };
    match people(provider, roles, &public, times) {
        Ok(people) => Known::Yes(people),
        Err(fault) => {
            meaning.fault("oidc-issuer", fault);
            Known::Broken
        }
    }
}

fn people(
    provider: Provider,
    roles: Roles,
    public: &Address,
    times: SessionTimes,
) -> Result<Arc<People>, String> {
    let issuer = Issuer::new(provider).map_err(|error| error.to_string())?;
    People::new(issuer, roles, public, times).map_err(|error| format!("no random bytes: {error}"))
}

/// The settings beside the issuer.
struct Rest<'a> {
    meaning: &'a mut Meaning,
    is_named: bool,
    is_whole: bool,
}

impl Rest<'_> {
    fn always<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.meaning.get(name, read);
        self.is_whole &= value.is_some();
        value
    }

    /// Without an issuer it means nothing.
    fn optional<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let mut is_said = false;
        let value = self.meaning.get(name, |text| {
            is_said = true;
            read(text)
        });
        self.is_whole &= value.is_some() || !is_said;
        if is_said && !self.is_named {
            self.meaning.fault(name, "means nothing without --oidc-issuer");
        }
        value
    }

    fn needed<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let mut is_said = false;
        let value = self.optional(name, |text| {
            is_said = true;
            read(text)
        });
        if self.is_named && !is_said {
            self.meaning.fault(name, "is needed beside --oidc-issuer");
        }
        self.is_whole &= value.is_some();
        value
    }

    fn roles(&mut self) -> Roles {
        let (mut roles, mut is_read) = (Roles::default(), true);
        for (name, role) in ROLE_SETTINGS {
            let before = self.is_whole;
            for value in self.optional(name, groups).unwrap_or_default() {
                if let Err(fault) = roles.add(value, role) {
                    self.meaning.fault(name, fault);
                    self.is_whole = false;
                }
            }
            is_read &= self.is_whole == before;
        }
        if self.is_named && is_read && roles.is_empty() {
            self.meaning.fault(
                "oidc-viewers",
                "nobody would have a role; name groups with --oidc-viewers, --oidc-responders or --oidc-admins",
            );
            self.is_whole = false;
        }
        roles
    }
}

fn issuer(text: &str) -> Result<Address, String> {
    let address = Address::parse(text)?;
    match text.len() <= ISSUER_BYTES_MAX && !text.contains('?') {
        true => Ok(address),
        false => Err(format!("{text:?} is no issuer: it has a query, or more than {ISSUER_BYTES_MAX} bytes")),
    }
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
}

fn scopes(text: &str) -> Result<String, String> {
    match text.split_ascii_whitespace().any(|one| one == "openid") {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} lacks openid, without which an issuer says nothing of people")),
    }
}

/// Separated by commas; a comma within a group is written `\,`.
fn groups(text: &str) -> Result<Vec<String>, String> {
    let (mut groups, mut group, mut chars) = (Vec::new(), String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => group.push(chars.next().unwrap_or('\\')),
            ',' => groups.push(std::mem::take(&mut group)),
            _ => group.push(c),
        }
    }
    groups.push(group);
    let groups: Vec<_> = groups.into_iter().map(|one| one.trim().to_owned()).collect();
    if groups.iter().any(String::is_empty) {
        Err(format!("{text:?} holds an empty name"))
    } else {
        Ok(groups)
    }
}

/// The error never shows what the file holds.
fn secret(text: &str) -> Result<ClientSecret, String> {
    let path = value::path(text)?;
    let told = |fault: &str| format!("{}: {fault}", path.display());
    let length = std::fs::metadata(&path).map_err(|error| told(&error.to_string()))?.len();
    if length > SECRET_BYTES_MAX {
        return Err(told("is too large for a secret"));
    }
    let text = read_text(&path).map_err(|fault| told(&fault))?;
    if text.trim().is_empty() { Err(told("is empty")) } else { Ok(ClientSecret::new(text.trim())) }
}

fn read_text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_may_hold_commas_and_none_is_empty() {
        assert_eq!(groups("sre").unwrap(), ["sre"]);
        assert_eq!(groups("a, b ,c d").unwrap(), ["a", "b", "c d"]);
        assert_eq!(groups(r"cn=sre\,ou=groups,x").unwrap(), ["cn=sre,ou=groups", "x"]);
        assert!(groups("").is_err() && groups("a,,b").is_err() && groups("a,").is_err());
    }
}
