//! Who serves what a gate polls. A URL behind a proxy has two providers: the proxy, and what stands behind it. A host that
//! nobody here is known by stands elsewhere, and nothing is said of it.

use crate::facts::{Endpoint, Host, Name, Offer, Route, System, Unit, Url, Wait};
use crate::graph::Milestone;

/// A milestone that a gate waits for, because of what is said there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) unit: Name,
    pub(crate) milestone: Milestone,
    pub(crate) role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It serves what is polled.
    Serves,
    /// It hands on what another serves.
    Proxy,
    /// It serves, behind a proxy.
    Behind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Provided {
    /// All of these are needed.
    By(Vec<Provider>),
    /// It would be one of these units, and none is known to.
    Nobody,
    /// On another machine, or one of several: it may be there in time.
    Unknown,
}

/// Finds the proxy of each route: the unit that names the file in a command, else the one that has its port.
pub(crate) fn join(system: &mut System) {
    let System { units, routes, .. } = system;
    for route in routes {
        let path = &route.at.path;
        let names_it = |unit: &&Unit| unit.files.iter().any(|file| path.ends_with(file.as_str()));
        let has_port = |unit: &&Unit| {
            unit.offers.iter().any(|offer| match &offer.endpoint {
                Endpoint::Tcp { host: Host::Here, port } => route.ports.contains(port),
                _ => false,
            })
        };
        let found = units.values().find(names_it).or_else(|| units.values().find(has_port));
        route.proxy = found.map(|unit| unit.name.clone());
    }
}

pub(crate) fn provided(system: &System, wait: &Wait) -> Provided {
    match wait {
        Wait::Active(name) | Wait::Start(name) | Wait::Restart(name) => match system.units.contains_key(name)
        {
            true => by(name, Milestone::Done, Role::Serves),
            false => Provided::Nobody,
        },
        Wait::Answer(Endpoint::Url(url)) => answered(system, url),
        Wait::Connect(Endpoint::Url(url)) => connected(system, url),
        Wait::Answer(endpoint) => offered(system, endpoint, true),
        Wait::Connect(endpoint) => offered(system, endpoint, false),
    }
}

fn by(unit: &Name, milestone: Milestone, role: Role) -> Provided {
    Provided::By(vec![Provider { unit: unit.clone(), milestone, role }])
}

/// A good answer comes from behind the proxy, and through it.
fn answered(system: &System, url: &Url) -> Provided {
    let Some(route) = route(system, url) else { return direct(system, url, true) };
    let [upstream] = route.upstreams.as_slice() else { return Provided::Unknown };
    match offered(system, upstream, true) {
        Provided::By(behind) => {
            let front = route.proxy.iter().map(proxy);
            let behind = behind.into_iter().map(|provider| Provider { role: Role::Behind, ..provider });
            Provided::By(front.chain(behind).collect())
        }
        other => other,
    }
}

/// Any answer will do: whoever listens gives one.
fn connected(system: &System, url: &Url) -> Provided {
    match route(system, url) {
        Some(Route { proxy: Some(unit), .. }) => Provided::By(vec![proxy(unit)]),
        Some(_) => Provided::Unknown,
        None => direct(system, url, false),
    }
}

fn proxy(unit: &Name) -> Provider {
    Provider { unit: unit.clone(), milestone: Milestone::Serve, role: Role::Proxy }
}

/// The longest path that fits, of the host that is asked for.
fn route<'s>(system: &'s System, url: &Url) -> Option<&'s Route> {
    let fits = |route: &&Route| {
        let host = route.host.as_deref().is_none_or(|host| is_host(host, &url.host));
        host && route.ports.contains(&url.port) && url.path.starts_with(route.path.as_str())
    };
    system.routes.iter().filter(fits).max_by_key(|route| (route.host.is_some(), route.path.len()))
}

fn is_host(pattern: &str, host: &Host) -> bool {
    match (pattern.strip_prefix("*."), host) {
        (Some(domain), Host::Named(name)) => name.split_once('.').is_some_and(|(_, rest)| rest == domain),
        (None, host) => Host::parse(pattern).as_ref() == Some(host),
        _ => false,
    }
}

fn direct(system: &System, url: &Url, is_answer: bool) -> Provided {
    let serves = |offer: &Offer| match &offer.endpoint {
        Endpoint::Url(own) => own.host == url.host && own.port == url.port && url.path.starts_with(&own.path),
        _ => false,
    };
    match chosen(system, serves, is_answer) {
        Provided::Nobody => {
            offered(system, &Endpoint::Tcp { host: url.host.clone(), port: url.port }, is_answer)
        }
        found => found,
    }
}

fn offered(system: &System, wanted: &Endpoint, is_answer: bool) -> Provided {
    let is_it = |offer: &Offer| match (&offer.endpoint, wanted) {
        // A URL is served on a port.
        (Endpoint::Url(url), Endpoint::Tcp { host, port }) => url.host == *host && url.port == *port,
        (own, wanted) => own == wanted,
    };
    match (chosen(system, is_it, is_answer), wanted) {
        (Provided::Nobody, Endpoint::Tcp { host: Host::Here, .. } | Endpoint::Url(_)) => Provided::Nobody,
        // Files and names come from anywhere.
        (Provided::Nobody, _) => Provided::Unknown,
        (found, _) => found,
    }
}

/// The unit that offers it. Of several, one may be there in time.
fn chosen(system: &System, is_it: impl Fn(&Offer) -> bool, is_answer: bool) -> Provided {
    let mut found: Vec<(&Name, &Offer)> = Vec::new();
    for unit in system.units.values() {
        found.extend(unit.offers.iter().find(|offer| is_it(offer)).map(|offer| (&unit.name, offer)));
    }
    match found.as_slice() {
        [] => Provided::Nobody,
        [(unit, offer)] => match &offer.answered_by {
            Some(service) if is_answer => by(service, Milestone::Serve, Role::Serves),
            Some(_) => by(unit, Milestone::Done, Role::Serves),
            None => by(unit, Milestone::Serve, Role::Serves),
        },
        _ => Provided::Unknown,
    }
}
