//! What may be shown of an address, a key or somebody else's error text: providers of nodes put keys into user names,
//! paths and queries. It must never show more than scheme, host and port, whatever library made the text.

mod answers;
mod secrets;

use std::borrow::Cow;
use std::fmt;

use url::Url;

pub(crate) use answers::scrub_error;
pub use secrets::Secrets;

/// What stands where something was left out.
const LEFT_OUT: &str = "…";

/// An address as logs, pages and errors show it: `https://node.example.org:8545/…`.
pub struct Redacted<'a>(pub &'a Url);

/// An address that may hold a key. It shows itself redacted; whoever dials exposes it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Url);

/// A text that nobody may read: no log, no error, no page shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0;
        write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or(LEFT_OUT))?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        let is_whole = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if is_whole { Ok(()) } else { write!(f, "/{LEFT_OUT}") }
    }
}

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SecretUrl {
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole address: for dialling, and for nothing that is written anywhere.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Redacted(&self.0), f)
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for sending, and for nothing that is written anywhere.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// A text of some library, fit to be shown: every address in it is redacted, and every known secret is left out.
pub fn scrub<'a>(text: &'a str, secrets: &Secrets) -> Cow<'a, str> {
    let without_addresses = scrub_addresses(text);
    match secrets.leave_out(&without_addresses) {
        Some(scrubbed) => Cow::Owned(scrubbed),
        None => without_addresses,
    }
}

fn scrub_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, from_colon) = rest.split_at(at);
        let scheme_at = before.len() - scheme_bytes(before);
        let end = from_colon.find(ends_address).unwrap_or(from_colon.len());
        let (address, after) = rest[scheme_at..].split_at(at - scheme_at + end);
        out.push_str(&rest[..scheme_at]);
        push_redacted(&mut out, address);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// How many bytes at the end of the text can be the scheme of an address.
fn scheme_bytes(before: &str) -> usize {
    before.bytes().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte)).count()
}

/// Brackets and commas do not: they may stand in a path or a password, and what follows them would be shown.
fn ends_address(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`')
}

fn push_redacted(out: &mut String, address: &str) {
    // The sentence around an address often closes right behind it.
    let bare = address.trim_end_matches([')', ']', '.', ',', ';', ':', '\'']);
    match Url::parse(bare) {
        Ok(url) if url.has_host() => out.push_str(&Redacted(&url).to_string()),
        _ => {
            out.push_str(address.split_once("://").map_or("", |(scheme, _)| scheme));
            out.push_str("://");
            out.push_str(LEFT_OUT);
        }
    }
    out.push_str(&address[bare.len()..]);
}

#[cfg(test)]
mod tests;
