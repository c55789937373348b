//! People: known by a session in a cookie, which began with a login at the issuer. What comes by cookie may come from any
//! page that a person looks at, so it has to show that it comes from ours.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method};
use oidc::{Address, Issuer};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::attempt::AttemptKey;
use super::cookies::Cookies;
use super::person::Roles;
use super::sessions::{Found, SessionTimes, Sessions};

const ORIGIN: HeaderName = http::header::ORIGIN;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

#[derive(Debug)]
pub struct People {
    pub(crate) issuer: Issuer,
    pub(crate) roles: Roles,
    pub(crate) key: AttemptKey,
    pub(crate) sessions: Sessions,
    pub(crate) cookies: Cookies,
    /// As browsers write it.
    origin: String,
    pub(crate) logins: Family<LoginLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LoginLabels {
    pub outcome: &'static str,
}

impl People {
    pub(crate) fn new(
        issuer: Issuer,
        roles: Roles,
        public: &Address,
        times: SessionTimes,
    ) -> Result<Arc<Self>, getrandom::Error> {
        Ok(Arc::new(Self {
            issuer,
            roles,
            key: AttemptKey::generate()?,
            sessions: Sessions::new(times),
            cookies: Cookies::new(public.is_https()),
            origin: public.as_str().to_owned(),
            logins: Family::default(),
        }))
    }

    pub(crate) fn sessions_open(&self) -> Gauge {
        self.sessions.open.clone()
    }

    /// The session that a request has.
    pub(super) fn session(&self, headers: &HeaderMap) -> Option<Option<Found>> {
        self.cookies.session(headers).map(|token| self.sessions.find(token))
    }

    /// Whether a page of another site may have made the request. Browsers say where it comes from, and pages cannot
    /// change that; one that says nothing may look, and change nothing.
    pub(super) fn is_foreign(&self, method: &Method, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let looks = method == Method::GET || method == Method::HEAD;
        match (text(SEC_FETCH_SITE), text(ORIGIN)) {
            (Some("same-origin"), _) => false,
            // Typed in, or from a bookmark.
            (Some("none"), _) => !looks,
            // Following a link is no more than that.
            (Some(_), _) => !(looks && text(SEC_FETCH_MODE) == Some("navigate")),
            (None, Some(origin)) => origin != self.origin,
            (None, None) => !looks,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use oidc::{ClaimName, Provider};

    use super::*;

    pub(crate) fn people() -> Arc<People> {
        let address = |text| Address::parse(text).unwrap();
        let provider = Provider {
            issuer: address("http://127.0.0.1:9"),
            client_id: "casebook".to_owned(),
            client_secret: None,
            redirect: "https://casebook.example.org/login/callback".to_owned(),
            scopes: "openid".to_owned(),
            claim: ClaimName::parse("groups").unwrap(),
        };
        let times = SessionTimes { idle: Duration::from_secs(60), lifetime: Duration::from_secs(60) };
        let public = address("https://casebook.example.org");
        People::new(Issuer::new(provider).unwrap(), Roles::default(), &public, times).unwrap()
    }

    #[test]
    fn what_another_sites_page_may_have_made_is_told_apart() {
        let people = people();
        let is_foreign = |method: Method, headers: &[(&'static str, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value)));
            people.is_foreign(&method, &HeaderMap::from_iter(headers))
        };
        let (site, mode, origin) = ("sec-fetch-site", "sec-fetch-mode", "origin");
        let ours = "https://casebook.example.org";
        for own in
            [&[(site, "same-origin")][..], &[(site, "same-origin"), (origin, "null")], &[(origin, ours)]]
        {
            assert!(!is_foreign(Method::POST, own) && !is_foreign(Method::GET, own), "{own:?}");
        }
        for foreign in [
            &[(site, "cross-site")][..],
            &[(site, "same-site"), (origin, ours)],
            &[(site, "cross-site"), (mode, "no-cors")],
            &[(origin, "null")],
            &[(origin, "https://evil.example.org")],
            &[(origin, "https://casebook.example.org.evil.example.org")],
            &[(origin, "http://casebook.example.org")],
        ] {
            assert!(is_foreign(Method::POST, foreign) && is_foreign(Method::GET, foreign), "{foreign:?}");
        }
        for link in [&[][..], &[(site, "none")], &[(site, "cross-site"), (mode, "navigate")]] {
            assert!(is_foreign(Method::POST, link) && !is_foreign(Method::GET, link), "{link:?}");
        }
    }
}
