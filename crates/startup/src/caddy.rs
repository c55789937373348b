//! Caddyfiles to routes: which hosts and paths are handed on, and to where. It knows no unit; which one is the proxy is
//! found by `providers`.

use crate::Text;
use crate::facts::{Endpoint, Host, Route};
use crate::limits::ROUTES_MAX;
use crate::place::{Faults, Place};

/// All routes of the Caddyfiles among these.
pub(crate) fn routes(texts: &[&Text], faults: &mut Faults) -> Vec<Route> {
    let mut files: Vec<&&Text> = texts.iter().filter(|text| is_caddyfile(&text.path)).collect();
    files.sort();
    let mut routes: Vec<Route> = files.iter().flat_map(|text| Reader::read(text, faults)).collect();
    if let Some(over) = routes.get(ROUTES_MAX) {
        faults.add(&over.at, format!("there are more than {ROUTES_MAX} routes: none from here on was read"));
    }
    routes.truncate(ROUTES_MAX);
    routes
}

fn is_caddyfile(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name == "Caddyfile" || name.to_ascii_lowercase().ends_with(".caddyfile")
}

/// A block that is open, by what it narrows.
enum Block {
    Site(Vec<Site>),
    /// Requests below this path alone.
    Path(String),
    /// Settings, snippets, and what routes nothing.
    Other,
}

#[derive(Clone)]
struct Site {
    host: Option<String>,
    ports: Vec<u16>,
}

struct Reader<'t> {
    text: &'t Text,
    open: Vec<Block>,
    /// `@name path /api/*`
    matchers: Vec<(String, String)>,
    routes: Vec<Route>,
}

impl<'t> Reader<'t> {
    fn read(text: &'t Text, faults: &mut Faults) -> Vec<Route> {
        let mut reader = Reader { text, open: Vec::new(), matchers: Vec::new(), routes: Vec::new() };
        for (index, line) in text.text.lines().enumerate() {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            reader.line(number, line, faults);
        }
        if !reader.open.is_empty() {
            let lines = u32::try_from(text.text.lines().count()).unwrap_or(u32::MAX);
            let message = "a block is open at the end: a `}` is missing";
            faults.add(&Place::new(&text.path, lines.max(1), 1), message);
        }
        reader.routes
    }

    fn line(&mut self, number: u32, line: &str, faults: &mut Faults) {
        let indent = line.len() - line.trim_start().len();
        let column = u32::try_from(indent + 1).unwrap_or(u32::MAX);
        let at = Place::new(&self.text.path, number, column);
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        match words.as_slice() {
            [] => {}
            ["}"] if self.open.pop().is_none() => faults.add(&at, "`}` closes no block: take it out"),
            ["}"] => {}
            [header @ .., "{"] => {
                self.directive(header, &at);
                let block = self.block(header);
                self.open.push(block);
            }
            words => self.directive(words, &at),
        }
    }

    fn block(&self, header: &[&str]) -> Block {
        match (self.open.is_empty(), header) {
            (true, []) => Block::Other,
            (true, [first, ..]) if first.starts_with('(') => Block::Other,
            (true, addresses) => Block::Site(addresses.iter().filter_map(|address| site(address)).collect()),
            (false, ["handle" | "handle_path" | "route", matcher]) => Block::Path(self.path(matcher)),
            (false, ["handle" | "route"]) => Block::Path("/".to_owned()),
            (false, _) => Block::Other,
        }
    }

    /// What a matcher narrows to; one that is not by path narrows nothing that is known.
    fn path(&self, matcher: &str) -> String {
        let named = self.matchers.iter().find(|(name, _)| name == matcher).map(|(_, path)| path.as_str());
        let path = named.unwrap_or(matcher).trim_end_matches('*');
        if path.starts_with('/') { path.to_owned() } else { "/".to_owned() }
    }

    fn directive(&mut self, words: &[&str], at: &Place) {
        match words {
            [name, "path", path, ..] if name.starts_with('@') => {
                self.matchers.push(((*name).to_owned(), (*path).to_owned()));
            }
            ["reverse_proxy", rest @ ..] => self.proxied(rest, at),
            _ => {}
        }
    }

    fn proxied(&mut self, words: &[&str], at: &Place) {
        let is_matcher = |word: &&&str| word.starts_with(['/', '@', '*']);
        let matcher = words.first().filter(is_matcher).map(|matcher| self.path(matcher));
        let skipped = usize::from(matcher.is_some());
        let upstreams: Vec<Endpoint> = words.iter().skip(skipped).filter_map(|word| upstream(word)).collect();
        let outer = self.open.iter().rev().find_map(|block| match block {
            Block::Path(path) => Some(path.clone()),
            _ => None,
        });
        let path = matcher.or(outer).unwrap_or_else(|| "/".to_owned());
        let sites: Vec<Site> = self.open.iter().find_map(Block::sites).unwrap_or_default().to_vec();
        for Site { host, ports } in sites {
            let (path, upstreams) = (path.clone(), upstreams.clone());
            self.routes.push(Route { host, path, ports, upstreams, at: at.clone(), proxy: None });
        }
    }
}

impl Block {
    fn sites(&self) -> Option<&[Site]> {
        match self {
            Self::Site(sites) => Some(sites),
            _ => None,
        }
    }
}

/// `example.org`, `http://example.org`, `:8080`, `*.example.org:8443`
fn site(address: &str) -> Option<Site> {
    let address = address.trim_end_matches(',');
    let (known, rest) = match address.split_once("://") {
        Some(("http", rest)) => (vec![80], rest),
        Some(("https", rest)) => (vec![443], rest),
        Some(_) => return None,
        None => (vec![443, 80], address),
    };
    let (host, port) = match rest.split('/').next()?.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (rest.split('/').next()?, None),
    };
    let host = (!host.is_empty()).then(|| host.to_ascii_lowercase());
    Some(Site { host, ports: port.map_or(known, |port| vec![port]) })
}

/// `127.0.0.1:3000`, `:3000`, `http://app:8080`, `unix//run/app.sock`
fn upstream(word: &str) -> Option<Endpoint> {
    if let Some(path) = word.strip_prefix("unix/") {
        return Some(Endpoint::Socket(path.to_owned()));
    }
    let (known, rest) = match word.split_once("://") {
        Some(("https", rest)) => (443, rest),
        Some((_, rest)) => (80, rest),
        None => (80, word),
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (rest, known),
    };
    let host = if host.is_empty() { Host::Here } else { Host::parse(host)? };
    Some(Endpoint::Tcp { host, port })
}
