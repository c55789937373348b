//! What a gate polls and what a unit offers: addresses, sockets, files, and routes through a proxy.

use std::fmt;

use super::Name;
use crate::Place;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// Has to answer a request.
    Url(Url),
    /// Has to accept a connection.
    Tcp {
        host: Host,
        port: u16,
    },
    Socket(String),
    File(String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url {
    pub scheme: String,
    pub host: Host,
    pub port: u16,
    /// From `/`, without query and fragment.
    pub path: String,
}

impl Url {
    /// None if it is no URL, or holds what only the running shell knows.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let known = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = split_port(authority)?;
        let path = if path.is_empty() { "/" } else { path };
        Some(Self {
            scheme: scheme.to_owned(),
            host: Host::parse(host)?,
            port: port.unwrap_or(known),
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        let known = if self.scheme == "https" { 443 } else { 80 };
        if self.port != known {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

/// `host:port`, `[::1]:port` or a host alone. None if the port is none.
pub(crate) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let bracket = authority.rfind(']').map_or(0, |at| at + 1);
    match authority.get(bracket..)?.rfind(':') {
        Some(at) if bracket > 0 || authority.matches(':').count() == 1 => {
            let (host, port) = authority.split_at(bracket + at);
            Some((host, Some(port.get(1..)?.parse().ok()?)))
        }
        _ => Some((authority, None)),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// This machine, by whatever name.
    Here,
    Named(String),
}

impl Host {
    /// None for what no host can be called, such as an unexpanded variable.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let is_here = matches!(bare.as_str(), "localhost" | "::1" | "::" | "0.0.0.0")
            || bare.starts_with("127.") && bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        match bare.is_empty() || !bare.chars().all(is_name) {
            true => None,
            false if is_here => Some(Self::Here),
            false => Some(Self::Named(bare)),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("localhost"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Socket(path) | Self::File(path) => f.write_str(path),
        }
    }
}

/// What answers once a unit serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub endpoint: Endpoint,
    pub at: Place,
    /// Of a socket that accepts before anybody answers: who does.
    pub answered_by: Option<Name>,
}

/// What a proxy hands on: requests for `host` below `path` go to one of `upstreams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// None: whatever host is asked for. A name may begin with `*.`.
    pub host: Option<String>,
    /// A prefix, from `/`.
    pub path: String,
    /// Where the proxy listens for it.
    pub ports: Vec<u16>,
    pub upstreams: Vec<Endpoint>,
    pub at: Place,
    /// The unit that is the proxy, if it is known.
    pub proxy: Option<Name>,
}
