//! Who an outbound event called, as the caller knows it.

use std::borrow::Cow;
use std::net::IpAddr;

use super::super::semconv::Attr;
use super::super::view::Facts;
use super::operation::{db_namespace, destination};

/// Empty where the span does not say.
pub(crate) fn peer<'f>(facts: &'f Facts<'_>) -> Cow<'f, str> {
    facts
        .first(&[Attr::PeerService, Attr::ServicePeerName])
        .or_else(|| {
            let system = facts.first(&[Attr::DbSystemName, Attr::DbSystem])?;
            Some(within(system, db_namespace(facts)))
        })
        .or_else(|| {
            let system = facts.text(Attr::MessagingSystem)?;
            Some(within(system, destination(facts)))
        })
        .or_else(|| address(facts))
        .unwrap_or(Cow::Borrowed(""))
}

fn within<'f>(system: Cow<'f, str>, part: Option<Cow<'f, str>>) -> Cow<'f, str> {
    match part {
        Some(part) => Cow::Owned([&*system, "/", &*part].concat()),
        None => system,
    }
}

/// A host's name says who it is. An address does not, so a service's name goes before it and else its port with it.
fn address<'f>(facts: &'f Facts<'_>) -> Option<Cow<'f, str>> {
    let places = || {
        let attributes = [
            (Attr::ServerAddress, Attr::ServerPort),
            (Attr::NetPeerName, Attr::NetPeerPort),
            (Attr::NetPeerIp, Attr::NetPeerPort),
        ];
        let hosts =
            attributes.into_iter().filter_map(|(host, port)| Some((facts.text(host)?, facts.int(port))));
        hosts.chain(std::iter::once_with(|| host_of_any_url(facts)).flatten())
    };
    let named = places().map(|(host, _)| host).find(|host| is_name(host));
    named.or_else(|| facts.text(Attr::RpcService)).or_else(|| {
        let (host, port) = places().next()?;
        Some(match port {
            Some(port) if host.contains(':') && !host.starts_with('[') => {
                Cow::Owned(format!("[{host}]:{port}"))
            }
            Some(port) => Cow::Owned(format!("{host}:{port}")),
            None => host,
        })
    })
}

fn host_of_any_url<'f>(facts: &'f Facts<'_>) -> Option<(Cow<'f, str>, Option<i64>)> {
    let url = facts.first(&[Attr::UrlFull, Attr::HttpUrl])?;
    let (host, port) = host_of_url(&url);
    Some((Cow::Owned(host?.to_owned()), port))
}

fn is_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_err() && !host.eq_ignore_ascii_case("localhost")
}

/// Host and port of an absolute URL; neither where it is none.
fn host_of_url(url: &str) -> (Option<&str>, Option<i64>) {
    let Some((_, rest)) = url.split_once("://") else { return (None, None) };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    let (host, port) = match port_at {
        Some(at) => (&authority[..at], authority[at + 1..].parse().ok()),
        None => (authority, None),
    };
    (Some(host).filter(|host| !host.is_empty()), port)
}
