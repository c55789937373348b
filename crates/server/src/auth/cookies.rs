//! The two cookies: of a session, and of a login under way. Behind https browsers keep them to this very host.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::attempt::ATTEMPT_LIFETIME;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    is_https: bool,
}

impl Cookies {
    pub(crate) const fn new(is_https: bool) -> Self {
        Self { is_https }
    }

    pub(crate) fn session<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        find(headers, self.names().0)
    }

    pub(crate) fn login<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        find(headers, self.names().1)
    }

    /// Until the browser forgets it or the session ends.
    pub(crate) fn set_session(&self, token: &str) -> HeaderValue {
        self.set(self.names().0, token, None)
    }

    pub(crate) fn set_login(&self, text: &str) -> HeaderValue {
        self.set(self.names().1, text, Some(ATTEMPT_LIFETIME.as_secs()))
    }

    pub(crate) fn drop_session(&self) -> HeaderValue {
        self.set(self.names().0, "", Some(0))
    }

    pub(crate) fn drop_login(&self) -> HeaderValue {
        self.set(self.names().1, "", Some(0))
    }

    const fn names(&self) -> (&'static str, &'static str) {
        match self.is_https {
            true => ("__Host-casebook-session", "__Host-casebook-login"),
            // Browsers take the prefix with `Secure` alone, which they do not all take over http.
            false => ("casebook-session", "casebook-login"),
        }
    }

    fn set(&self, name: &str, text: &str, age_max_s: Option<u64>) -> HeaderValue {
        let secure = if self.is_https { "; Secure" } else { "" };
        let age = age_max_s.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let text = format!("{name}={text}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
        let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

/// The value of a cookie; two of one name are none.
fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = texts.flat_map(|text| text.split(';')).filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    });
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_two_are_none() {
        let headers = |text: &'static str| HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(text))]);
        let (secure, plain) = (Cookies::new(true), Cookies::new(false));
        let found = |text| secure.session(&headers(text)).map(str::to_owned);
        assert_eq!(found("a=b; __Host-casebook-session=x;c=d").as_deref(), Some("x"));
        assert_eq!(found("casebook-session=x"), None);
        assert_eq!(found("__Host-casebook-session=x; __Host-casebook-session=y"), None);
        assert_eq!(found("__Host-casebook-session="), None);
        assert_eq!(plain.session(&headers("casebook-session=x")), Some("x"));
        assert_eq!(
            secure.set_session("x"),
            "__Host-casebook-session=x; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(plain.drop_login(), "casebook-login=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
