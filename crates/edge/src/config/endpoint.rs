//! Addresses of nodes and what is sent to them beside a request. It must never repeat an address or a header in an error:
//! both may hold a key.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use toml::de::DeValue;
use url::Url;

use super::expand::expand;
use super::reading::{Reading, Section, is_shown};
use super::shape::Schemes;
use super::{Shape, Surroundings};
use crate::redact::{SecretUrl, Secrets};

const HEADERS_MAX: usize = 32;
/// What a connection says of itself is the transport's to say.
const HEADERS_OF_TRANSPORT: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const WEBSOCKET_PREFIX: &str = "sec-websocket-";

/// Where a node is reached by one transport. User and password are not in the address but in the headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub url: SecretUrl,
    pub headers: Headers,
}

/// Names and values, each name once. Values are never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Who asks, and nothing else.
    pub(crate) fn authorized(value: HeaderValue) -> Self {
        let mut headers = Self::default();
        headers.add(AUTHORIZATION, value);
        headers
    }

    fn contains(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    fn add(&mut self, name: HeaderName, mut value: HeaderValue) {
        value.set_sensitive(true);
        self.0.push((name, value));
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name.as_str())).finish()
    }
}

impl Endpoint {
    /// What may not be shown of it.
    pub fn add_secrets(&self, secrets: &mut Secrets) {
        secrets.add_url(&self.url);
        self.headers.iter().for_each(|(_, value)| secrets.add_header(value));
    }
}

/// The URL of a setting.
pub(super) fn url(reading: &mut Reading<'_>, section: &Section<'_>, key: &'static str) -> Option<Url> {
    let text = reading.expanded(section, key)?;
    let Shape::Url(schemes) = reading.setting(section, key)?.shape else { return None };
    match parse_url(&text, schemes) {
        Ok(url) => Some(url),
        Err(problem) => {
            reading.fault(section, key, format!("{problem}; expected a URL such as {}", schemes.example()));
            None
        }
    }
}

/// What is wrong is told in the library's words where they repeat nothing.
fn parse_url(text: &str, schemes: Schemes) -> Result<Url, String> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("holds a blank or a control character".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    let known = schemes.known();
    if !known.contains(&url.scheme()) {
        return Err(format!("does not begin with {}:// or {}://", known[0], known[1]));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host".to_owned());
    }
    if url.port() == Some(0) {
        return Err("names port 0".to_owned());
    }
    if url.fragment().is_some() {
        return Err("has a fragment, which is never sent".to_owned());
    }
    Ok(url)
}

/// The endpoint of a setting, with the headers of its node.
pub(super) fn endpoint(
    reading: &mut Reading<'_>,
    section: &Section<'_>,
    key: &'static str,
    headers: &Headers,
) -> Option<Endpoint> {
    let mut url = url(reading, section, key)?;
    let mut headers = headers.clone();
    if let Some(authorization) = basic(&url) {
        if headers.contains(&AUTHORIZATION) {
            let problem = "names a user, and headers has authorization: only one of them can be sent";
            reading.fault(section, key, problem);
        }
        headers.add(AUTHORIZATION, authorization);
    }
    // These fail for addresses without a host alone.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(Endpoint { url: SecretUrl::new(url), headers })
}

/// User and password of an address as a header.
pub(crate) fn basic(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()
}

/// The table `headers` of a node.
pub(super) fn headers(reading: &mut Reading<'_>, section: &Section<'_>) -> Headers {
    let mut headers = Headers::default();
    let Some(setting) = reading.setting(section, "headers") else { return headers };
    let Some(said) = section.get("headers") else { return headers };
    let DeValue::Table(entries) = said.value else {
        reading.expected(section, setting, "");
        return headers;
    };
    if entries.len() > HEADERS_MAX {
        reading.fault(
            section,
            "headers",
            format!("has {} headers; at most {HEADERS_MAX} may be", entries.len()),
        );
        return headers;
    }
    for (name, value) in entries {
        let shown: &str = if is_shown(name.get_ref()) { name.get_ref() } else { "…" };
        let place = format!("{}.headers.{shown}", section.path);
        let at = name.span().start;
        match header(reading.surroundings, name.get_ref(), value.get_ref()) {
            Ok((name, _)) if headers.contains(&name) => {
                reading.fault_at(at, &place, "stands twice, in other letters".to_owned());
            }
            Ok((name, value)) => headers.add(name, value),
            Err(problems) => {
                problems.into_iter().for_each(|problem| reading.fault_at(at, &place, problem));
            }
        }
    }
    headers
}

/// One header, or everything that is wrong with it.
fn header(
    surroundings: &Surroundings<'_>,
    name: &str,
    value: &DeValue<'_>,
) -> Result<(HeaderName, HeaderValue), Vec<String>> {
    let one = |problem: &str| vec![problem.to_owned()];
    let name = HeaderName::try_from(name).map_err(|_| one("is no name of a header"))?;
    if HEADERS_OF_TRANSPORT.contains(&name.as_str()) || name.as_str().starts_with(WEBSOCKET_PREFIX) {
        return Err(one("is a header that the connection itself sets"));
    }
    let DeValue::String(text) = value else { return Err(one("expected a text such as \"${API_KEY}\"")) };
    let text = expand(text, surroundings)?;
    let value = HeaderValue::try_from(text).map_err(|_| one("holds a character that no header may have"))?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_whole_or_refused_without_being_repeated() {
        for text in
            ["http://127.0.0.1:8545", "https://ada:s%20x@node.example.org/v3/0a1b?k=1", "http://[::1]:1/a/b"]
        {
            assert!(parse_url(text, Schemes::Http).is_ok(), "{text}");
        }
        for (text, part) in [
            ("canary", "is no URL"),
            ("canary.example.org:8545", "does not begin with http:// or https://"),
            ("ws://canary", "does not begin with http:// or https://"),
            ("http://canary:70000", "is no URL: invalid port"),
            ("http://canary:0", "names port 0"),
            ("http://", "is no URL: empty host"),
            ("http://canary/#canary", "has a fragment"),
            ("http://canary/a b", "holds a blank"),
        ] {
            let problem = parse_url(text, Schemes::Http).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("canary"), "{text}: {problem}");
        }
    }

    #[test]
    fn a_user_in_an_address_becomes_a_header() {
        let of = |text: &str| basic(&Url::parse(text).unwrap());
        assert_eq!(of("http://a.example.org"), None);
        // As `ada:s x` and `ada:` are written in base64.
        assert_eq!(of("http://ada:s%20x@a.example.org").unwrap(), "Basic YWRhOnMgeA==");
        assert_eq!(of("http://ada@a.example.org").unwrap(), "Basic YWRhOg==");
    }
}
