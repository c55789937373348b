//! Who asks: the scopes that keys and people have, and the answer to "who am I".

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a key is for. People's roles are scopes as well: a viewer has `read`, a responder `agent`, an administrator
/// `admin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Brings telemetry, signals, deployments and alerts in, and sees nothing.
    Write,
    /// Reads incidents, reports, traces and metrics.
    Read,
    /// Works on incidents: reads, and acts on them.
    Agent,
    /// Everything.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Write, Self::Read, Self::Agent, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Agent => "agent",
            Self::Admin => "admin",
        }
    }

    /// Whether whoever has this scope may do what needs the other.
    pub const fn covers(self, needed: Self) -> bool {
        match (self, needed) {
            (Self::Admin, _)
            | (Self::Write, Self::Write)
            | (Self::Read | Self::Agent, Self::Read)
            | (Self::Agent, Self::Agent) => true,
            (Self::Write | Self::Read | Self::Agent, _) => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the server knows who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// From this machine, to a server without keys.
    Local,
    /// By a key.
    Key,
    /// A person, by a session that began with a login at the OpenID issuer.
    Person,
}

/// What a person may, by the groups that the issuer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Responder,
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Responder, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Admin => "admin",
        }
    }

    pub const fn scope(self) -> Scope {
        match self {
            Self::Viewer => Scope::Read,
            Self::Responder => Scope::Agent,
            Self::Admin => Scope::Admin,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person who is logged in; text from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    /// As the person is shown; not unique, and possibly of its own choice.
    pub shown: String,
    /// Issuer and subject together are nobody else's.
    pub subject: String,
    pub issuer: String,
    pub role: Role,
}

/// `GET /v1/caller`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerView {
    pub kind: CallerKind,
    pub name: String,
    pub scope: Scope,
    /// Where the connection comes from, as the server sees it.
    pub address: String,
    /// RFC 3339; absent where it does not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Absent for keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_itself_and_what_is_below_it() {
        let covers = |scope: Scope| -> Vec<_> {
            Scope::ALL.into_iter().filter(|needed| scope.covers(*needed)).map(Scope::as_str).collect()
        };
        assert_eq!(covers(Scope::Write), ["write"]);
        assert_eq!(covers(Scope::Read), ["read"]);
        assert_eq!(covers(Scope::Agent), ["read", "agent"]);
        assert_eq!(covers(Scope::Admin), ["write", "read", "agent", "admin"]);
    }
}
