//! Addresses that may be asked or shown: https, or http to this machine alone.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

/// An address of the issuer that is fit to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    uri: Uri,
}

impl Address {
    /// Says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an address such as https://id.example.org");
        let is_plain =
            text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['#', '"', '<', '>']);
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|_| is_plain).ok_or_else(wrong)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(authority.host()) => {}
            Some("http") => {
                return Err(format!("{text:?} has to begin with https://; http is for this machine alone"));
            }
            _ => return Err(wrong()),
        }
        Ok(Self { text: text.to_owned(), uri })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn has_query(&self) -> bool {
        self.uri.query().is_some()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An address without a path, as browsers write it in `Origin`.
pub fn origin(text: &str) -> Result<Address, String> {
    let address = Address::parse(text.strip_suffix('/').unwrap_or(text))?;
    if address.uri.path() != "/" || address.has_query() || address.text.ends_with('/') {
        return Err(format!(
            "{text:?} has a path; an address such as https://casebook.example.org is needed"
        ));
    }
    if address.text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("{text:?} has capital letters; browsers write addresses in small ones"));
    }
    Ok(address)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_to_this_machine_alone() {
        for right in [
            "https://id.example.org",
            "https://id.example.org:8443/realms/ops?x=1",
            "http://localhost:9/",
            "http://127.0.0.1:9",
            "http://[::1]:9",
        ] {
            assert_eq!(Address::parse(right).unwrap().as_str(), right);
        }
        for wrong in [
            "",
            "id.example.org",
            "ftp://id.example.org",
            "http://id.example.org",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "https://",
            "https://u:p@id.example.org",
            "https://id.example.org/#x",
            "https://id.example.org/\"x",
            "https://id.example.org/\n",
        ] {
            assert!(Address::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin("https://casebook.example.org/").unwrap().as_str(), "https://casebook.example.org");
        assert_eq!(origin("http://127.0.0.1:7420").unwrap().as_str(), "http://127.0.0.1:7420");
        for wrong in
            ["https://a.example.org/x", "https://a.example.org?x", "https://A.example.org", "https://a//"]
        {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
